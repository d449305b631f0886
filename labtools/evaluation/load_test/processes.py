"""Locust's processes on this machine: started, watched, and never left behind."""

from __future__ import annotations

import importlib.util
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labtools.errors import ConfigurationError
from labtools.evaluation.load_test.plan import LOCUSTFILE, LoadPlan

INSTALL = 'pip install -e ".[load]" in the course\'s folder, or pip install "locust>=2.47,<3"'
START_TIMEOUT_S = 60
LEAVE_TIMEOUT_S = 10


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
    address: list[str] = []
    roles = {"Locust": [*plan.options(folder, run)]}
    if plan.workers:
        port = _free_port()
        bound = ["--master-bind-host=127.0.0.1", f"--master-bind-port={port}"]
        waiting = [
            f"--expect-workers={plan.workers}",
            f"--expect-workers-max-wait={START_TIMEOUT_S}",
        ]
        roles = {"The master": [*roles["Locust"], "--master", *bound, *waiting]}
        address = ["--worker", "--master-host=127.0.0.1", f"--master-port={port}"]
    for number in range(plan.workers):
        roles[f"Worker {number + 1}"] = address
    with (folder / f"load-{run}.log").open("ab") as log, _running(roles, log, api_key) as processes:
        return _watch(plan, processes, on_second)


def _watch(
    plan: LoadPlan, processes: dict[str, subprocess.Popen[bytes]], on_second: Callable[[], object]
) -> list[str]:
    drain_s = plan.settings.timeout_s + LEAVE_TIMEOUT_S
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
            processes[name] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "locust",
                    f"-f={LOCUSTFILE}",
                    *options,
                    "--until-stdin-closes",
                ],
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
        f"  {shlex.join([*master, *plan.options(folder, 'machines')])}\n"
        "On each of the others, once a core (4 in all; change --expect-workers to have more):\n"
        "  locust -f - --worker --master-host=THIS_MACHINE\n"
        f"Then copy their {folder}/load-machines-*.jsonl to {folder} here, and:\n"
        f"  python -m labtools evaluate load --read {folder} --run-label machines"
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port
