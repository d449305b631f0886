"""What Locust runs: users that make the load probe's calls. Start it with `evaluate load`.

Without --arrivals-per-user-per-s each user is a client of a closed loop: it sends its next call
when its last has ended. With it each user is a source of an open loop: its calls are sent at random
instants, fixed beforehand, whether or not others have ended. Sources are independent, so all of
them together, on however many machines, are one Poisson stream of the sum of their rates. (Locust's
`constant_throughput` is a closed loop: a user that waits for an answer sends nothing.)

The key is OPENAI_API_KEY of this process, on every machine. It is no option: options are passed
from the master to the workers, and show in lists of processes.
"""

from __future__ import annotations

import os
import random
from itertools import count
from typing import Any

import gevent
from gevent.pool import Group
from locust import User, events, task
from locust.runners import MasterRunner

from labtools.clock import monotonic_s
from labtools.evaluation.load_test.measuring import SPENT, Measuring
from labtools.evaluation.settings import Settings

# After a failure a client of the closed loop waits, or a refusal would be asked for at full speed.
PAUSE_AFTER_FAILURE_S = 1.0
LONGEST_PAUSE_S = 60.0


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Options beside Locust's own. The master's hold for all workers."""
    group = parser.add_argument_group("Load probe")
    group.add_argument("--model", default="", help="the model to ask for")
    group.add_argument("--arrivals-per-user-per-s", type=float, default=0.0, metavar="RATE")
    group.add_argument("--max-requests", type=int, default=2_000, help="of all workers together")
    group.add_argument("--max-tokens", type=int, default=2_500_000, help="of all workers together")
    group.add_argument("--limit-name", default="max_tokens", help="or max_completion_tokens")
    group.add_argument("--ask-for-usage", type=int, default=1)
    group.add_argument("--seed", type=int, default=0, help="decides the prompts and the arrivals")
    group.add_argument("--output-tokens", type=int, default=Settings().output_tokens)
    group.add_argument("--timeout-s", type=float, default=Settings().timeout_s)
    group.add_argument("--records", default=".", help="folder for each process's own file")
    group.add_argument("--run-label", default="by-hand", help="part of the files' names")
    parser.add_argument("--until-stdin-closes", action="store_true", include_in_web_ui=False)


@events.init.add_listener
def begin(environment: Any, **_: Any) -> None:
    """Watch the owner, if there is one, and on the master the workers' allowances."""
    options: Any = environment.parsed_options
    # Timers count from when gevent's loop last looked at the clock: before all the imports.
    gevent.get_hub().loop.update_now()
    if options.until_stdin_closes:
        gevent.get_hub().threadpool.spawn(_end_with_stdin)
    if isinstance(environment.runner, MasterRunner):
        spent = set[str]()

        def count_spent(environment: Any, msg: Any, **_: Any) -> None:
            spent.add(msg.node_id)
            if len(spent) >= options.expect_workers:
                gevent.spawn(environment.runner.quit)

        environment.runner.register_message(SPENT, count_spent)


def _end_with_stdin() -> None:
    """In a real thread: gevent's own would stand still while this one reads."""
    while os.read(0, 4096):
        pass
    os._exit(1)  # At once: every call that has ended is on disk.


@events.test_start.add_listener
def open_measuring(environment: Any, **_: Any) -> None:
    """Where users run, open what they share."""
    if not isinstance(environment.runner, MasterRunner):
        environment.measuring = Measuring(environment)


@events.test_stop.add_listener
def close_measuring(environment: Any, **_: Any) -> None:
    """Write what the machine added since the last time."""
    if not isinstance(environment.runner, MasterRunner):
        environment.measuring.close()


class ChatUser(User):
    """A client of the closed loop, or a source of the open one."""

    def on_start(self) -> None:
        """Take a number, and in an open loop the instant of the first call."""
        self._measuring: Measuring = self.environment.measuring
        self._number = next(self._measuring.users)
        self._call_numbers = count()
        self._under_way = Group()
        self._rate = self._measuring.options.arrivals_per_user_per_s
        seed = f"{self._measuring.settings.seed}/{self._measuring.block}/{self._number}/arrivals"
        self._gaps = random.Random(seed)
        self._due_at = monotonic_s()

    def wait_time(self) -> float:
        """Seconds until the next call is due; in a closed loop it is due at once."""
        return max(0.0, self._due_at - monotonic_s())

    @task
    def next_call(self) -> None:
        """Make one call, or send it on its way."""
        number = next(self._call_numbers)
        body, worst = self._measuring.body(self._number, number)
        if self._rate:
            self._due_at += self._gaps.expovariate(self._rate)
            self.wait()
            call = (self._number, number, body, worst, self._due_at)
            self._under_way.spawn(self._measuring.call, *call)
            return
        error = self._measuring.call(self._number, number, body, worst).error
        if error:
            pause_s = max(PAUSE_AFTER_FAILURE_S, error.retry_after_s or 0.0)
            self._due_at = monotonic_s() + min(pause_s, LONGEST_PAUSE_S)

    def on_stop(self) -> None:
        """Wait for what is under way: it is paid for."""
        self._under_way.join()
