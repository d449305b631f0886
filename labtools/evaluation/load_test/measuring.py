"""What the users of one of Locust's processes share: connections, an allowance, a file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import gevent
from locust.exception import StopUser
from locust.runners import LocalRunner, WorkerRunner

from labtools.clock import cpu_time_s, monotonic_s, wall_epoch_s
from labtools.evaluation.axes import load
from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.load_test.allowance import Allowance, share
from labtools.evaluation.load_test.connections import Connections
from labtools.evaluation.observations import Observation, Overhead
from labtools.evaluation.overhead import PERIOD_S
from labtools.evaluation.plan import input_tokens, output_limit
from labtools.evaluation.settings import Settings
from labtools.files import append_line
from labtools.lab.call_record import record_of
from labtools.records import CallRecord

# The message to the master of a worker that may send no more.
SPENT = "allowance_spent"
OVERHEAD_EVERY_S = 1.0


class Measuring:
    """Makes the calls of one process, and keeps them."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self.options: Any = environment.parsed_options
        options, runner = self.options, environment.runner
        assert isinstance(runner, LocalRunner | WorkerRunner)
        self.settings = Settings(
            seed=options.seed, output_tokens=options.output_tokens, timeout_s=options.timeout_s
        )
        self.block = f"load/{runner.worker_index}"
        self.users = count()
        self._key = os.environ.get("OPENAI_API_KEY") or "none"
        self._connections = Connections(environment.host or "", self._key, options.timeout_s)
        workers = options.expect_workers if isinstance(runner, WorkerRunner) else 1
        self._allowance = Allowance(
            share(options.max_requests, runner.worker_index, workers),
            share(options.max_tokens, runner.worker_index, workers),
        )
        self._calls = 0
        self._said_spent = False
        folder = Path(options.records)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"load-{options.run_label}-{runner.client_id}.jsonl"
        self._write(
            "process",
            {
                "endpoint": environment.host,
                "model": options.model,
                "machine": platform.node(),
                "epoch_s": wall_epoch_s(),
                "arrivals_per_user_per_s": options.arrivals_per_user_per_s,
                "settings": self.settings.as_dict(),
                "locust_version": version("locust"),
                "labtools_version": version("labtools"),
            },
        )
        self._watcher = gevent.spawn(self._watch)

    def body(self, user: int, number: int) -> tuple[bytes, int]:
        """The user's call of this number, as it is sent, and the most tokens it can take.

        Raises StopUser when the allowance does not hold it.
        """
        seed = f"{self.block}/{user}/{number}"
        request = load.call(self.settings, self.options.limit_name, seed).request
        worst = input_tokens(request) + output_limit(request)
        if not self._allowance.take(worst):
            self._say_spent()
            raise StopUser
        stream: dict[str, Any] = {"model": self.options.model, "stream": True}
        if self.options.ask_for_usage:
            stream["stream_options"] = {"include_usage": True}
        return json.dumps({**stream, **request}).encode(), worst

    def call(
        self, user: int, number: int, body: bytes, worst: int, due_at: float | None = None
    ) -> CallRecord:
        """Make the call, keep its record, and tell Locust."""
        at = {} if due_at is None else {"late_s": max(0.0, monotonic_s() - due_at)}
        axis = AxisName.CONCURRENCY if due_at is None else AxisName.OPEN_LOOP
        arrivals, error = self._connections.post(body)
        assert arrivals.ended_at is not None
        record = record_of(self.options.model, arrivals, arrivals.ended_at, error, self._key)
        self._allowance.settle(worst, _tokens(record))
        self._calls += 1
        observation = Observation(axis, self.block, Label.CALL, user, number, record, at)
        self._write("call", observation.as_dict())
        self._tell_locust(record)
        return record

    def close(self) -> None:
        """Stop watching the machine."""
        self._watcher.kill()

    def _say_spent(self) -> None:
        if self._said_spent:
            return
        self._said_spent = True
        runner = self._environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(SPENT)
        elif runner:
            gevent.spawn(runner.quit)

    def _tell_locust(self, record: CallRecord) -> None:
        shared = {"request_type": "chat", "response_length": len(record.content), "context": {}}
        fire = self._environment.events.request.fire
        if record.ttft_s is not None:
            fire(name="TTFT", response_time=record.ttft_s * 1e3, exception=None, **shared)
        duration_ms = (record.ended_at - record.sent_at) * 1e3
        failure = Exception(str(record.error)) if record.error else None
        fire(name="end to end", response_time=duration_ms, exception=failure, **shared)

    def _watch(self) -> None:
        """How late this process wakes: instants are stamped so late at most of the time."""
        while True:
            lateness_s: list[float] = []
            cpu_before_s, calls_before, began_at = cpu_time_s(), self._calls, monotonic_s()
            try:
                while monotonic_s() < began_at + OVERHEAD_EVERY_S:
                    asked_at = monotonic_s()
                    gevent.sleep(PERIOD_S)
                    lateness_s.append(max(0.0, monotonic_s() - asked_at - PERIOD_S))
            finally:
                cpu_s, calls = cpu_time_s() - cpu_before_s, self._calls - calls_before
                overhead = Overhead(self.block, tuple(lateness_s), cpu_s, calls)
                self._write("overhead", asdict(overhead))

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        append_line(self._file, {"kind": kind, **values})


def _tokens(record: CallRecord) -> int | None:
    """What the call took as far as is known; a refusal takes nothing."""
    if record.error and record.error.kind in ("status", "connection"):
        return 0
    if record.input_tokens is None or record.output_tokens is None:
        return None
    return record.input_tokens + record.output_tokens
