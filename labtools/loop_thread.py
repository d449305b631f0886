"""Run a coroutine to its end on a loop of your own, from anywhere.

A notebook already runs a loop in its main thread, so a lab's coroutine runs in a worker
thread, on the lab's loop. In a browser's page, which has no threads, the page's loop stands still
for it. The same call works in a notebook cell, a script and a test. Whatever happens to the
coroutine, the loop can be used again afterwards.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from labtools import platform
from labtools.clock import outside_loops
from labtools.errors import ClockError

T = TypeVar("T")

# A cancelled coroutine that does not return within this time blocks its thread.
UNWIND_S = 5.0
# So long, in real time, may what a coroutine left behind take to end once it is cancelled.
LEAVE_S = 30.0
# Python looks for a Ctrl-C between two bytecodes. One that comes just as the wait begins, or that
# another thread catches, wakes nobody: so the wait begins again this often.
_LOOK_UP_S = 0.2


class LoopThread:
    """One loop, run in a worker thread for as long as each coroutine takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._busy = False
        self._given_up: set[asyncio.Task[Any]] = set()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the coroutine's result, or raise what it raised.

        Ctrl-C cancels the coroutine and raises KeyboardInterrupt. Tasks that it left behind are
        cancelled, and generators that it dropped half-way run their `finally` to its end. Raises
        ClockError when a coroutine is still running on this loop, or leaves behind what never ends.
        """
        if self._busy:
            coroutine.close()
            raise ClockError(
                "This lab is already running a coroutine. Inside a coroutine use `await`, not "
                "`lab.run(...)`. If an earlier run was interrupted and never gave way, make a new "
                "lab with connect(...)."
            )
        outcome: list[T] = []
        raised: list[BaseException] = []
        task = self.loop.create_task(coroutine)

        def work() -> None:
            try:
                outcome.append(self.loop.run_until_complete(task))
            except BaseException as error:  # carried to whoever asked
                raised.append(error)
            try:
                cancel_leftovers(self.loop, self._given_up)
            except BaseException as error:
                raised.append(error)
            self._busy = False

        self._busy = True
        if platform.in_page():
            with outside_loops():
                work()
        else:
            self._in_a_thread(task, work, raised)
        if raised:
            try:
                raise raised[0]
            finally:
                raised.clear()  # breaks the cycle between the traceback and this frame
        return outcome[0]

    def _in_a_thread(
        self, task: asyncio.Task[T], work: Callable[[], None], raised: list[BaseException]
    ) -> None:
        done = threading.Event()

        def work_and_say() -> None:
            asyncio.set_event_loop(self.loop)
            work()
            asyncio.set_event_loop(None)
            done.set()

        try:
            threading.Thread(target=work_and_say, name="labtools-loop", daemon=True).start()
            left_s = LEAVE_S
            while not done.wait(_LOOK_UP_S):
                left_s -= _LOOK_UP_S if task.done() else 0.0
                if left_s <= 0:
                    raised.append(self._give_up())  # first: a loop that stops raises as well
                    self.loop.call_soon_threadsafe(self.loop.stop)
                    done.wait(UNWIND_S)
                    break
        except KeyboardInterrupt:
            self.loop.call_soon_threadsafe(task.cancel)
            done.wait(UNWIND_S)
            raise

    def _give_up(self) -> ClockError:
        """Stop waiting for what was left behind, now and after later runs."""
        self._given_up |= asyncio.all_tasks(self.loop)
        names = ", ".join(
            sorted({_name(task) for task in self._given_up} - {_end_leftovers.__name__})
        )
        return ClockError(
            f"The run is over, but {LEAVE_S:g} s later not all that it left behind has ended: "
            f"{names}. A task that is cancelled must end, and so must what is awaited in a "
            "`finally`. Look there for an `except` that catches CancelledError and goes on. Then "
            "make a new lab with connect(...)."
        )


def cancel_leftovers(
    loop: asyncio.AbstractEventLoop, but: Iterable[asyncio.Task[Any]] = ()
) -> None:
    """Cancel what a coroutine started and did not wait for, as asyncio.run does."""
    ending = loop.create_task(_end_leftovers(set(but)))
    try:
        loop.run_until_complete(ending)
    finally:
        ending.cancel()  # if it was given up, it must not cancel what runs later


async def _end_leftovers(left_alone: set[asyncio.Task[Any]]) -> None:
    """Tasks are cancelled. Those with which the loop closes a dropped generator run to their end.

    What ends may leave something behind in its turn.
    """
    left_alone |= {task for task in [asyncio.current_task()] if task}
    cancelled = set[asyncio.Task[Any]]()
    while tasks := await _tasks_but(left_alone):
        for task in tasks - cancelled:
            if not _closes_generator(task):
                task.cancel()
        cancelled |= tasks
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tasks_but(left_alone: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """A generator that a task dropped with its last step gets a task of its own a turn later."""
    if tasks := asyncio.all_tasks() - left_alone:
        return tasks
    await asyncio.sleep(0)
    return asyncio.all_tasks() - left_alone


def _closes_generator(task: asyncio.Task[Any]) -> bool:
    return type(task.get_coro()).__name__ == "async_generator_athrow"


def _name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "the end of a generator")
