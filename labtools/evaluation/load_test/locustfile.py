"""What Locust runs: users that make the load probe's calls. Start it with `evaluate load`.

Unless the plan has a rate, each user is a client of a closed loop: it sends its next call when its
last has ended. With one, each user is a source of an open loop: its calls are sent at random
instants, fixed beforehand, whether or not others have ended. Sources are independent, so all of
them together, on however many machines, are one Poisson stream of the sum of their rates. (Locust's
`constant_throughput` is a closed loop: a user that waits for an answer sends nothing.)

Locust's own HTTP clients hand a stream on in blocks of a set size, and skip the check of TLS
certificates. So calls go through the layer below: geventhttpclient's connection pool and parser.

The key is OPENAI_API_KEY of each process, and no option: those show in lists of processes.
"""

from __future__ import annotations

import json
import os
import platform
import random
import weakref
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.pool import Group
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse
from locust import User, events, task
from locust.exception import StopUser
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from labtools.clock import cpu_time_s, monotonic_s, wall_epoch_s
from labtools.evaluation.load_test import Allowance, LoadPlan, Process, share
from labtools.evaluation.observations import PERIOD_S, Observation, Watched
from labtools.evaluation.plan import AxisName, Label, input_tokens, output_limit
from labtools.files import append_line
from labtools.lab.stopwatch import record_of, retry_after_s
from labtools.read_back import read_back
from labtools.records import CallError, CallRecord
from labtools.transport.arrivals import Arrivals
from labtools.wire.api_error import message_of

# A request never waits for another's connection: an open loop has as many as it needs.
MOST_CONNECTIONS = 100_000
CONNECT_TIMEOUT_S = 10.0


class Connections:
    """Kept-alive connections to one endpoint, shared by the greenlets of a process."""

    def __init__(self, base_url: str, api_key: str, timeout_s: float) -> None:
        url = urlsplit(base_url)
        at = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        kind = SSLConnectionPool if url.scheme == "https" else ConnectionPool
        self._pool = kind(
            *at,
            *at,
            size=MOST_CONNECTIONS,
            connection_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
            network_timeout=timeout_s,
        )
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        # The arrivals must be the answer's bytes, not those of a compressed copy.
        self._head = (
            f"POST {url.path.rstrip('/')}/chat/completions HTTP/1.1\r\n"
            f"host: {url.netloc}\r\n"
            f"authorization: Bearer {api_key}\r\n"
            "content-type: application/json\r\n"
            "accept: text/event-stream\r\n"
            "accept-encoding: identity\r\n"
        ).encode()

    def post(self, body: bytes) -> tuple[Arrivals, CallError | None]:
        """Send one request and receive its answer. What fails is returned, not raised."""
        arrivals = Arrivals(monotonic_s())
        response: _Stamped | None = None
        error: CallError | None = None
        try:
            asked_at, connection = arrivals.sent_at, self._pool.get_socket()
            arrivals.sent_at = monotonic_s()
            if connection not in self._known:
                self._known.add(connection)
                arrivals.connect_s = arrivals.sent_at - asked_at
            connection.sendall(self._head + b"content-length: %d\r\n\r\n" % len(body) + body)
            response = _Stamped(connection, self._pool, arrivals)
            response.read()
        except TimeoutError as failure:
            error = CallError("timeout", str(failure) or "no byte in time")
        except (OSError, HTTPParseError) as failure:
            begun = response is not None or arrivals.chunks
            error = CallError("cut_off" if begun else "connection", str(failure))
        else:
            if response.status_code != 200:
                body = b"".join(chunk for _, chunk in arrivals.chunks)
                arrivals.chunks.clear()  # They are no stream.
                error = CallError(
                    "status",
                    message_of(response.status_code, body),
                    response.status_code,
                    retry_after_s(str(response.get("retry-after"))),
                )
        arrivals.ended_at = monotonic_s()
        return arrivals, error


class _Stamped(HTTPSocketPoolResponse):
    """The pool's response, whose parser calls `_on_body` with each piece as it is received."""

    def __init__(self, connection: Any, pool: ConnectionPool, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        super().__init__(connection, pool, method="POST", block_size=65_536)

    def _on_body(self, buf: bytearray) -> None:
        self._arrivals.chunks.append((monotonic_s(), bytes(buf)))


# After a failure a client of the closed loop waits, or a refusal would be asked for at full speed.
PAUSE_AFTER_FAILURE_S = 1.0
LONGEST_PAUSE_S = 60.0
# The message to the master of a worker that may send no more.
SPENT = "allowance_spent"
OVERHEAD_EVERY_S = 1.0


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Options beside Locust's own. The master's hold for all workers."""
    parser.add_argument("--plan", default="", help="a LoadPlan, as JSON")
    parser.add_argument("--records", default="load", help="what its files begin with")
    parser.add_argument("--until-stdin-closes", action="store_true", include_in_web_ui=False)


@events.init.add_listener
def begin(environment: Any, **_: Any) -> None:
    """Watch the owner, if there is one, and on the master the workers' allowances."""
    # Timers count from when gevent's loop last looked at the clock: before all the imports.
    gevent.get_hub().loop.update_now()
    if environment.parsed_options.until_stdin_closes:
        gevent.get_hub().threadpool.spawn(_end_with_stdin)
    if isinstance(environment.runner, MasterRunner):
        spent = set[str]()

        def count_spent(msg: Any, **_: Any) -> None:
            spent.add(msg.node_id)
            if len(spent) >= environment.parsed_options.expect_workers:
                gevent.spawn(environment.runner.quit)

        environment.runner.register_message(SPENT, count_spent)


def _end_with_stdin() -> None:
    """In a real thread: gevent's own would stand still while this one reads."""
    while os.read(0, 4096):
        pass
    os._exit(1)  # At once: every call that has ended is on disk.


@events.test_start.add_listener
def open_measuring(environment: Any, **_: Any) -> None:
    """Where users run, open what they share; at the end, write what the machine added last."""
    if not isinstance(environment.runner, MasterRunner):
        environment.measuring = measuring = Measuring(environment)
        environment.events.test_stop.add_listener(lambda **_: measuring.watcher.kill())


class ChatUser(User):
    """A client of the closed loop, or a source of the open one."""

    def on_start(self) -> None:
        """Take a number, and in an open loop the instant of the first call."""
        self._measuring: Measuring = self.environment.measuring
        self._number = next(self._measuring.users)
        self._call_numbers = count()
        self._under_way = Group()
        seed = f"{self._measuring.plan.seed}/{self._measuring.block}/{self._number}/arrivals"
        self._gaps = random.Random(seed)
        self._due_at = monotonic_s()

    def wait_time(self) -> float:
        """Seconds until the next call is due; in a closed loop it is due at once."""
        return max(0.0, self._due_at - monotonic_s())

    @task
    def next_call(self) -> None:
        """Make one call, or send it on its way."""
        number = next(self._call_numbers)
        call = self._measuring.prepared(self._number, number)
        if rate := self._measuring.plan.arrivals_per_user_per_s:
            self._due_at += self._gaps.expovariate(rate)
            self.wait()
            self._under_way.spawn(call, self._due_at)
        elif error := call().error:
            pause_s = max(PAUSE_AFTER_FAILURE_S, error.retry_after_s or 0.0)
            self._due_at = monotonic_s() + min(pause_s, LONGEST_PAUSE_S)

    def on_stop(self) -> None:
        """Wait for what is under way: it is paid for."""
        self._under_way.join()


class Measuring:
    """Makes the calls of one process, and keeps them."""

    def __init__(self, environment: Any) -> None:
        options, runner = environment.parsed_options, environment.runner
        assert isinstance(runner, LocalRunner | WorkerRunner)
        self._runner, self._fire = runner, environment.events.request.fire
        self.plan = plan = read_back(LoadPlan, options.plan, "--plan is no plan of a load test")
        self.block = f"load/{runner.worker_index}"
        self.users = count()
        self._key = os.environ.get("OPENAI_API_KEY") or "none"
        self._connections = Connections(plan.base_url, self._key, plan.timeout_s)
        workers = options.expect_workers if isinstance(runner, WorkerRunner) else 1
        budget = plan.max_requests, plan.max_tokens
        self._allowance = Allowance(*(share(n, runner.worker_index, workers) for n in budget))
        self._calls, self._spent_is_told = 0, False
        self._file = Path(f"{options.records}-{runner.client_id}.jsonl")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        process = Process(
            endpoint=plan.base_url,
            model=plan.model,
            machine=platform.node(),
            epoch_s=wall_epoch_s(),
            arrivals_per_user_per_s=plan.arrivals_per_user_per_s,
            settings=plan.settings,
            locust_version=version("locust"),
            labtools_version=version("labtools"),
        )
        self._write("process", asdict(process))
        self.watcher = gevent.spawn(self._watch)

    def prepared(self, user: int, number: int) -> Callable[..., CallRecord]:
        """The user's call of this number, paid for; in an open loop it is told when it is due.

        Raises StopUser when the allowance does not hold it.
        """
        request = self.plan.request(f"{self.block}/{user}/{number}")
        worst = input_tokens(request) + output_limit(request)
        if not self._allowance.take(worst):
            self._say_spent()
            raise StopUser
        return partial(self._call, user, number, json.dumps(request).encode(), worst)

    def _call(
        self, user: int, number: int, body: bytes, worst: int, due_at: float | None = None
    ) -> CallRecord:
        """Make the call, keep its record, and tell Locust."""
        at = {} if due_at is None else {"late_s": max(0.0, monotonic_s() - due_at)}
        axis = AxisName.CONCURRENCY if due_at is None else AxisName.OPEN_LOOP
        arrivals, error = self._connections.post(body)
        assert arrivals.ended_at is not None
        record = record_of(self.plan.model, arrivals, arrivals.ended_at, error, self._key)
        self._allowance.settle(worst, record)
        self._calls += 1
        made = Observation(axis, self.block, Label.CALL, user, number, record, at)
        self._write("call", made.as_dict())
        self._tell_locust(record)
        return record

    def _say_spent(self) -> None:
        if not self._spent_is_told:
            self._spent_is_told = True
            if isinstance(self._runner, WorkerRunner):
                self._runner.send_message(SPENT)
            else:
                gevent.spawn(self._runner.quit)

    def _tell_locust(self, record: CallRecord) -> None:
        shared = {"request_type": "chat", "response_length": len(record.content), "context": {}}
        if record.ttft_s is not None:
            self._fire(name="TTFT", response_time=record.ttft_s * 1e3, exception=None, **shared)
        duration_ms = (record.ended_at - record.sent_at) * 1e3
        failure = Exception(str(record.error)) if record.error else None
        self._fire(name="end to end", response_time=duration_ms, exception=failure, **shared)

    def _watch(self) -> None:
        """How late this process wakes: instants are stamped so late at most of the time."""
        while True:
            watched = Watched(self.block)
            cpu_before_s, calls_before, began_at = cpu_time_s(), self._calls, monotonic_s()
            try:
                while monotonic_s() < began_at + OVERHEAD_EVERY_S:
                    asked_at = monotonic_s()
                    gevent.sleep(PERIOD_S)
                    watched.lateness_s.append(max(0.0, monotonic_s() - asked_at - PERIOD_S))
            finally:
                watched.cpu_s = cpu_time_s() - cpu_before_s
                watched.calls = self._calls - calls_before
                self._write("overhead", asdict(watched))

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        append_line(self._file, {"kind": kind, **values})
