"""Run a coroutine to its end on a loop of your own, from anywhere.

A notebook already runs a loop in its main thread, so a lab's coroutine runs in a worker
thread, on the lab's loop. The same call works in a notebook cell, a script and a test.
Whatever happens to the coroutine, the loop can be used again afterwards.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from labtools.errors import ClockError

T = TypeVar("T")

# A cancelled coroutine that does not return within this time blocks its thread.
UNWIND_S = 5.0
# Python looks for a Ctrl-C between two bytecodes. One that comes just as the wait begins, or that
# another thread catches, wakes nobody: so the wait begins again this often.
_LOOK_UP_S = 0.2
_TURNS = 4


class LoopThread:
    """One loop, run in a worker thread for as long as each coroutine takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._busy = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the coroutine's result, or raise what it raised.

        Ctrl-C cancels the coroutine and raises KeyboardInterrupt. Tasks that it left behind are
        cancelled. Raises ClockError when a coroutine is still running on this loop.
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
        done = threading.Event()
        task = self.loop.create_task(coroutine)

        def work() -> None:
            asyncio.set_event_loop(self.loop)
            try:
                outcome.append(self.loop.run_until_complete(task))
            except BaseException as error:  # carried to the thread that asked
                raised.append(error)
            try:
                cancel_leftovers(self.loop)
            except BaseException as error:
                raised.append(error)
            asyncio.set_event_loop(None)
            self._busy = False
            done.set()

        self._busy = True
        try:
            threading.Thread(target=work, name="labtools-loop", daemon=True).start()
            while not done.wait(_LOOK_UP_S):
                pass
        except KeyboardInterrupt:
            self.loop.call_soon_threadsafe(task.cancel)
            done.wait(UNWIND_S)
            raise
        if raised:
            try:
                raise raised[0]
            finally:
                raised.clear()  # breaks the cycle between the traceback and this frame
        return outcome[0]


def cancel_leftovers(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what a coroutine started and did not wait for, as asyncio.run does."""
    loop.run_until_complete(_let_generators_close())
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


async def _let_generators_close() -> None:
    """An async generator that was dropped half-way is closed by the loop, a few turns later."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
