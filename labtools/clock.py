"""Time is whatever the event loop says.

All waiting in labtools is `asyncio.sleep`, all reading of time is `loop.time()`. On an
ordinary loop that is the wall clock. On a `SimLoop` time stands still while anything can run,
and jumps to the next timer when nothing can: 46 simulated seconds pass in a fraction of a
real one, and the same program reads the same digits on every machine.

What a `SimLoop` promises:

- Time is kept as whole nanoseconds, so sums of sleeps are exact.
- Parallel waits overlap; they do not add up. What is due at one instant happens in the order in
  which it was asked for.
- While work runs in a thread (`asyncio.to_thread`, `run_in_executor`) time stands still. Where
  there are no threads, such work is done at once.
- When nothing is ready, no timer is set and no thread reports back, it raises `Deadlock`.

What it does not have: sockets, pipes, signals, subprocess transports. Do such work in a thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import heapq
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from labtools import platform
from labtools.errors import ClockError, Deadlock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Past this, a float no longer holds a nanosecond and timers would stop firing.
LONGEST_RUN_S = 2**23
# Threads that asyncio does not know of (anyio's) get this long, in real time, to report back.
THREAD_GRACE_S = 2.0


def elapsed_s(start: float, end: float) -> float:
    """Seconds between two instants of one clock, exact to the nanosecond.

    Instants are whole nanoseconds; the difference of two floats is not: 13.0 - 12.35 is
    0.6500000000000004. Rounding gives back 0.65.
    """
    return round(end - start, 9)


def whole_ns(seconds: float) -> int:
    """To the nearest nanosecond. What is beyond the longest run, infinity too, stays beyond it."""
    if abs(seconds) > 2 * LONGEST_RUN_S:
        seconds = math.copysign(2 * LONGEST_RUN_S, seconds)
    return round(seconds * 1e9)


def monotonic_s() -> float:
    """What an ordinary loop's clock reads, for a process that has no loop (Locust's, say)."""
    return time.monotonic()


def cpu_time_s() -> float:
    """What this process has computed so far, in seconds of CPU."""
    return time.process_time()


async def sleep(seconds: float) -> None:
    """`asyncio.sleep`, which on the simulated clock takes no turn of the loop if none is due."""
    loop = asyncio.get_running_loop()
    if not (isinstance(loop, SimLoop) and loop.skips(seconds)):
        await asyncio.sleep(seconds)


def must_run_on(loop: asyncio.AbstractEventLoop) -> None:
    """Raise ClockError unless the caller runs on this loop."""
    if asyncio._get_running_loop() is not loop:
        raise ClockError(
            "This lab has a clock of its own. Put the code in a coroutine and run it with "
            "lab.run(...)."
        )


@contextmanager
def outside_loops() -> Iterator[None]:
    """As in a thread of its own: no loop runs here, until the one that does goes on."""
    loop = asyncio._get_running_loop()
    task = asyncio.current_task(loop) if loop else None
    if loop and task:
        asyncio._leave_task(loop, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
        if loop and task:
            asyncio._enter_task(loop, task)


def unix_time_s() -> float:
    """The calendar's time, for labels only (`created`, file names). Never for durations."""
    return datetime.datetime.now(datetime.UTC).timestamp()


def calendar_ns(text: str) -> int | None:
    """Nanoseconds from 1970 to an instant in ISO 8601; without a zone, UTC. None for other text."""
    try:
        at = datetime.datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=datetime.UTC)
        since = at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    except (ValueError, OverflowError):
        return None
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def wall_epoch_s() -> float:
    """The calendar's time when an ordinary loop's clock read 0."""
    return unix_time_s() - time.monotonic()


class SimLoop(asyncio.BaseEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    if TYPE_CHECKING:
        # asyncio's own, which its stubs leave out.
        _ready: deque[asyncio.Handle]
        _scheduled: list[asyncio.TimerHandle]

        def _check_closed(self) -> None: ...

    def __init__(self) -> None:
        super().__init__()
        self._now_ns = 0
        self._clock_resolution = 0.5e-9
        self._timer_numbers = count()
        self._working_threads = 0
        self._wake = threading.Event()
        self._selector = _Jump(self)

    def time(self) -> float:
        """Simulated seconds since this loop was made; a whole number of nanoseconds."""
        return self._now_ns / 1e9

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._set_timer(whole_ns(when), callback, args, context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self._set_timer(self._now_ns + whole_ns(delay), callback, args, context)

    def _set_timer(
        self,
        when_ns: int,
        callback: Callable[[*Ts], object],
        args: tuple[*Ts],
        context: contextvars.Context | None,
    ) -> asyncio.TimerHandle:
        self._check_closed()
        timer = _Timer(when_ns / 1e9, callback, args, self, context)
        timer.number = next(self._timer_numbers)
        timer._scheduled = True
        heapq.heappush(self._scheduled, timer)
        return timer

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        executor = _AtOnce() if platform.in_page() else executor
        future = super().run_in_executor(executor, func, *args)
        self._working_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        with self.standing_still():
            await super().shutdown_default_executor(*args, **kwargs)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Keep time from jumping, for work in threads that asyncio does not know of."""
        self._working_threads += 1
        try:
            yield
        finally:
            self._working_threads -= 1

    def _thread_done(self, _: object) -> None:
        self._working_threads -= 1

    def _write_to_self(self) -> None:
        self._wake.set()

    def _process_events(self, event_list: list[object]) -> None:
        pass

    def _pass_time(self, timeout: float | None) -> None:
        """Called when nothing is ready (`timeout` None or positive) or to poll (0)."""
        if timeout == 0:
            return
        threads = not platform.in_page()
        if self._working_threads and threads:
            self._wake.wait()
        elif self._scheduled:
            self._jump_to(round(self._scheduled[0].when() * 1e9))
        elif not self._wake.wait(THREAD_GRACE_S if threads else 0.0):
            raise Deadlock(
                "The simulated clock cannot go on: nothing is ready to run and no timer is set. "
                "Something is awaited that nobody will ever set. Look for a future, event, queue "
                "or lock that is awaited but never completed."
            )
        self._wake.clear()

    def skips(self, seconds: float) -> bool:
        """Let time pass without a turn of the loop, if nothing happens before."""
        at_ns = self._now_ns + whole_ns(seconds)
        next_at = self._scheduled[0].when() if self._scheduled else math.inf
        if seconds == math.inf or next_at <= at_ns / 1e9 or self._ready or self._working_threads:
            return False
        self._jump_to(at_ns)
        return True

    def _jump_to(self, when_ns: int) -> None:
        if when_ns >= LONGEST_RUN_S * 10**9:
            raise ClockError(
                f"The simulated clock was asked to sleep until {when_ns / 1e9:.0f} s or later; it "
                f"is exact up to {LONGEST_RUN_S} s (97 days). Look for a sleep that is too long."
            )
        self._now_ns = max(self._now_ns, when_ns)

    def __del__(self) -> None:
        if not self.is_closed() and not self.is_running():
            self.close()


class _AtOnce(Executor):
    """Stands where threads stand: work is done when it is handed in."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            with outside_loops():
                future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # carried to whoever awaits it
            future.set_exception(error)
        return future


class _Timer(asyncio.TimerHandle):
    """A timer. Of two for the same instant, the one that was set first fires first."""

    __slots__ = ("number",)

    if TYPE_CHECKING:
        number: int
        _when: float
        _scheduled: bool

    def __lt__(self, other: Any) -> bool:
        if self._when == other._when:
            return bool(self.number < other.number)
        return bool(self._when < other._when)


class _Jump:
    """Stands where a selector stands: where another loop waits for I/O, time passes."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        self._loop._pass_time(timeout)
        return []
