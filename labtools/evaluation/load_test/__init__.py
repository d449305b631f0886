"""The load probe on Locust: the same calls from as many processes and machines as it takes.

Here is how much load, as data, and Locust's processes for it: started, watched, never left behind.
`locustfile` is what Locust runs; `command` is what a shell sees, and reads what they wrote.

Locust patches the standard library of its process (gevent). So nothing but `locustfile` may import
it, and nothing else may import that: it runs in processes of its own.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from labtools.errors import ConfigurationError, require
from labtools.evaluation.axes import load
from labtools.evaluation.settings import Settings
from labtools.records import CallRecord, Seconds
from labtools.server_process import listen

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
INSTALL = 'pip install -e ".[load]" in the course\'s folder, or pip install "locust>=2.47,<3"'
START_TIMEOUT_S = 60
LEAVE_TIMEOUT_S = 10


DEFAULT = Settings()


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One load test of one endpoint. Raises ConfigurationError for what cannot be run.

    The command's options are made from it, and Locust's processes get it as it is.
    """

    base_url: str
    model: str
    users: int = 8
    """Closed loop: clients, each with one call at a time. Open loop: sources of arrivals."""
    request_rate_per_s: float | None = None
    """Of the open loop, all sources together; None for a closed loop."""
    run_time_s: int = 30
    workers: int = 0
    """Worker processes on this machine; 0 is one process without a master."""
    output_tokens: int = DEFAULT.output_tokens
    seed: int = DEFAULT.seed
    timeout_s: float = DEFAULT.timeout_s
    slo_s: float = DEFAULT.slo_s
    max_requests: int = 2_000
    max_tokens: int = 2_500_000
    limit: str = "max_tokens"
    """What the endpoint calls the limit on the answer."""
    usage: bool = True
    """Whether a stream may be asked for its usage."""

    def __post_init__(self) -> None:
        least = {"users": 1, "run_time_s": 1, "workers": 0, "max_requests": 0, "max_tokens": 0}
        for name, number in least.items():
            require(name, getattr(self, name), at_least=number)
        _ = self.settings  # whose values must be possible, too
        if self.workers > self.users:
            raise ConfigurationError(
                f"{self.workers} workers for {self.users} users would leave some without any. "
                "Take at most as many workers as users; a worker serves hundreds."
            )
        require("request_rate_per_s", self.request_rate_per_s, above=0, optional=True)
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                "A load test needs an address, such as https://api.example.com/v1; "
                f"found {parts.scheme or self.base_url!r}."
            )
        if parts.username or parts.password or parts.query:
            # The address is among a process's arguments, where everybody on the machine sees it.
            raise ConfigurationError(
                "The address must hold no user, password or query. Give a key as OPENAI_API_KEY."
            )

    @property
    def settings(self) -> Settings:
        """As any evaluation has them."""
        return DEFAULT.but(
            output_tokens=self.output_tokens,
            seed=self.seed,
            timeout_s=self.timeout_s,
            slo_s=self.slo_s,
        )

    def request(self, seed: str) -> dict[str, Any]:
        """A call of the load probe, as this endpoint takes it."""
        usage = {"stream_options": {"include_usage": True}} if self.usage else {}
        call = load.call(self.settings, self.limit, seed)
        return {"model": self.model, "stream": True, **usage, **call.request}

    @property
    def arrivals_per_user_per_s(self) -> float:
        """Each source's share of the open loop's rate; 0 in a closed loop."""
        return (self.request_rate_per_s or 0.0) / self.users

    def options(self, records: Path) -> list[str]:
        """Locust's options for whichever process decides: the master, or the only one. No key.

        `records` is what the names of the processes' files begin with.
        """
        values = {
            "--users": self.users,
            "--spawn-rate": self.users,
            "--run-time": self.run_time_s,
            # Calls under way are waited for; to cut off the slow ones would flatter the endpoint.
            "--stop-timeout": math.ceil(self.timeout_s) + 10,
            "--exit-code-on-error": 0,
            "--plan": json.dumps(asdict(self)),
            "--records": records,
        }
        return ["--headless", "--only-summary", *(f"{k}={v}" for k, v in values.items())]


@dataclass(frozen=True, slots=True)
class Process:
    """The first line of a process's file: what it measured, and on which clock."""

    endpoint: str
    model: str
    machine: str
    epoch_s: float
    arrivals_per_user_per_s: Seconds
    settings: Settings
    locust_version: str
    labtools_version: str


def share(total: int, part: int, parts: int) -> int:
    """What falls to this part, counted from 0, of a whole number. A part too many gets nothing."""
    return total // parts + (part < total % parts) if part < parts else 0


@dataclass(slots=True)
class Allowance:
    """What one process may still send, so that none has to ask another.

    A call counts as its worst case until its usage is known.
    """

    requests: int
    tokens: int

    def take(self, worst_tokens: int) -> bool:
        """Whether a call that may take so many tokens may be sent. If so, it is paid for."""
        if self.requests < 1 or self.tokens < worst_tokens:
            return False
        self.requests -= 1
        self.tokens -= worst_tokens
        return True

    def settle(self, worst_tokens: int, record: CallRecord) -> None:
        """Give back what a call did not take: a refusal takes nothing, and without usage nobody
        knows, so the worst case stands.
        """
        if record.error and record.error.kind in ("status", "connection"):
            self.tokens += worst_tokens
        elif record.input_tokens is not None and record.output_tokens is not None:
            self.tokens += worst_tokens - record.input_tokens - record.output_tokens


def require_locust() -> None:
    """Raises ConfigurationError, which says what to install. Does not import Locust."""
    if importlib.util.find_spec("locust") is None:
        raise ConfigurationError(f"A load test runs on Locust, which is not installed: {INSTALL}.")


def run_locust(
    plan: LoadPlan,
    folder: Path,
    run: str,
    api_key: str,
    on_second: Callable[[], object] = lambda: None,
) -> list[str]:
    """Run the plan to its end. Returns what went wrong with the processes, in sentences.

    Each process writes its records to FOLDER/load-RUN-*.jsonl, and all of them say what they have
    to say in FOLDER/load-RUN.log. All end with this one, whatever ends it: they watch their
    standard input. Raises ConfigurationError without Locust.
    """
    require_locust()
    roles = {"Locust": plan.options(folder / f"load-{run}")}
    if plan.workers:
        with listen("127.0.0.1", 0) as found:
            port = found.getsockname()[1]
        master = [
            "--master",
            "--master-bind-host=127.0.0.1",
            f"--master-bind-port={port}",
            f"--expect-workers={plan.workers}",
            f"--expect-workers-max-wait={START_TIMEOUT_S}",
        ]
        worker = ["--worker", "--master-host=127.0.0.1", f"--master-port={port}"]
        roles = {"The master": [*roles["Locust"], *master]}
        roles |= {f"Worker {number + 1}": worker for number in range(plan.workers)}
    with (folder / f"load-{run}.log").open("ab") as log, _running(roles, log, api_key) as processes:
        return _watch(plan, processes, on_second)


def _watch(
    plan: LoadPlan, processes: dict[str, subprocess.Popen[bytes]], on_second: Callable[[], object]
) -> list[str]:
    drain_s = plan.timeout_s + LEAVE_TIMEOUT_S
    deciding, *workers = processes.items()
    longest_s = START_TIMEOUT_S + plan.run_time_s + drain_s + LEAVE_TIMEOUT_S
    notes = [_wait(*deciding, longest_s, on_second)]
    if not notes[0]:  # A master that was killed has told nobody; its workers are not waited for.
        notes += [_wait(*worker, drain_s, on_second) for worker in workers]
    return [note for note in notes if note]


def _wait(
    name: str, process: subprocess.Popen[bytes], longest_s: float, on_second: Callable[[], object]
) -> str | None:
    """Until the process ends: what is to be said about its end, if anything."""
    for _ in range(int(longest_s)):
        try:
            code = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            on_second()
            continue
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return None if code == 0 else f"{name} ended early ({how}); the records until then count."
    return f"{name} did not end in time and was stopped."


@contextmanager
def _running(
    roles: dict[str, list[str]], log: BinaryIO, api_key: str
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The processes by their names. However the block is left, none of them outlives it."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, options in roles.items():
            command = [sys.executable, "-m", "locust", f"-f={LOCUSTFILE}", *options]
            processes[name] = subprocess.Popen(
                [*command, "--until-stdin-closes"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OPENAI_API_KEY": api_key},
                # Ctrl-C goes to every process of a session, and is meant for this one.
                start_new_session=True,
            )
        yield processes
    finally:
        for process in processes.values():
            assert process.stdin
            process.stdin.close()
        for process in processes.values():
            try:
                process.wait(LEAVE_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def commands_for_machines(plan: LoadPlan, folder: Path) -> str:
    """What to type for the same load from several machines, once for the master, once for each."""
    master = ["locust", "-f", str(LOCUSTFILE), "--master", "--expect-workers=4"]
    return (
        "The same from several machines, with labtools and Locust on each and the key in\n"
        "OPENAI_API_KEY of each. On this one, which sends nothing itself:\n"
        f"  {shlex.join([*master, *plan.options(folder / 'load-machines')])}\n"
        "On each of the others, once a core (4 in all; change --expect-workers to have more):\n"
        "  locust -f - --worker --master-host=THIS_MACHINE\n"
        f"Then copy their {folder}/load-machines-*.jsonl to {folder} here, and:\n"
        f"  python -m labtools evaluate load --read {folder} --run-label machines"
    )
