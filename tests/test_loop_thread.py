"""A coroutine run to its end from anywhere, and a loop that can be used again whatever happened."""

import asyncio
import contextvars
import os
import signal
import threading
from contextlib import suppress

import pytest

from labtools import clock, loop_thread
from labtools.clock import SimLoop
from labtools.errors import ClockError, Deadlock
from labtools.loop_thread import LoopThread


@pytest.fixture(params=[SimLoop, asyncio.new_event_loop], ids=["simulated", "wall"])
def thread(request):
    loop = request.param()
    yield LoopThread(loop)
    loop.close()


@pytest.fixture
def sim_thread():
    loop = SimLoop()
    yield LoopThread(loop)
    loop.close()


async def give(value):
    await asyncio.sleep(0)
    return value


async def stubborn(may_end, wait):
    """Swallows its cancellation, until it may end."""
    while not may_end.is_set():
        with suppress(asyncio.CancelledError):
            await wait()


def usable(thread):
    return thread.run(give("usable")) == "usable"


def test_it_returns_what_the_coroutine_returns(thread):
    assert thread.run(give(42)) == 42
    assert thread.run(give(None)) is None


def test_it_raises_what_the_coroutine_raises_with_the_line_that_raised_it(thread):
    async def fail():
        await asyncio.sleep(0)
        raise ValueError("by the coroutine")

    with pytest.raises(ValueError, match="by the coroutine") as caught:
        thread.run(fail())
    assert "fail" in [entry.name for entry in caught.traceback]
    assert usable(thread)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_errors_that_are_no_exceptions_are_raised_as_well(thread, error):
    async def fail():
        raise error

    with pytest.raises(type(error)):
        thread.run(fail())
    assert usable(thread)


def test_it_runs_in_another_thread_and_keeps_the_callers_context(thread):
    colour = contextvars.ContextVar("colour", default="none")
    colour.set("red")

    async def look():
        return threading.current_thread() is threading.main_thread(), colour.get()

    assert thread.run(look()) == (False, "red")


def test_it_works_while_a_loop_runs_in_the_calling_thread(thread):
    async def like_a_notebook_cell():
        return thread.run(give(1))

    assert asyncio.run(like_a_notebook_cell()) == 1


def test_the_clock_goes_on_from_run_to_run(sim_thread):
    async def wait():
        await asyncio.sleep(2)
        return asyncio.get_running_loop().time()

    assert [sim_thread.run(wait()) for _ in range(3)] == [2, 4, 6]


def test_a_run_inside_a_run_is_refused_and_the_outer_one_goes_on(thread):
    async def outer():
        with pytest.raises(ClockError, match=r"already running.*use `await`"):
            thread.run(give("inner"))
        return await give("outer")

    assert thread.run(outer()) == "outer"
    assert usable(thread)


def test_a_run_from_a_second_thread_is_refused(thread):
    started, finish = threading.Event(), threading.Event()

    async def outer():
        started.set()
        await asyncio.to_thread(finish.wait)
        return "outer"

    outcome = []
    first = threading.Thread(target=lambda: outcome.append(thread.run(outer())))
    first.start()
    assert started.wait(5)
    with pytest.raises(ClockError, match="already running"):
        thread.run(give("second"))
    finish.set()
    first.join()
    assert outcome == ["outer"]
    assert usable(thread)


def test_tasks_that_are_left_behind_are_cancelled_and_clean_up(sim_thread):
    log = []

    async def straggler():
        try:
            await asyncio.sleep(100)
            log.append("ran on")
        finally:
            await asyncio.sleep(1)
            log.append("cleaned up")

    async def leave_behind():
        leave_behind.task = asyncio.create_task(straggler())
        await asyncio.sleep(1)
        return "done"

    assert sim_thread.run(leave_behind()) == "done"
    assert log == ["cleaned up"]
    assert leave_behind.task.cancelled()
    assert usable(sim_thread)


def test_a_left_behind_task_that_fails_while_it_is_cancelled_does_not_hide_the_result(thread):
    async def fails_on_the_way_out():
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("on the way out")

    async def leave_behind():
        leave_behind.task = asyncio.create_task(fails_on_the_way_out())
        return await give("done")

    assert thread.run(leave_behind()) == "done"
    assert usable(thread)


def test_a_generator_that_is_dropped_half_way_is_closed(thread):
    log = []

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    async def take_one():
        async for number in numbers():
            return number

    assert thread.run(take_one()) == 1
    assert log == ["closed"]


@pytest.mark.parametrize("turns", [1, 50])
def test_a_dropped_generators_finally_runs_to_its_end_however_many_turns_it_takes(thread, turns):
    log = []

    async def inner():
        try:
            yield 1
        finally:
            for _ in range(turns):
                await asyncio.sleep(0)
            log.append("inner")

    async def outer():
        async for number in inner():
            try:
                yield number
            finally:
                for _ in range(turns):
                    await asyncio.sleep(0)
                log.append("outer")

    async def straggler():
        async for _ in outer():
            await asyncio.Event().wait()

    async def take_one():
        take_one.task = asyncio.create_task(straggler())
        async for number in outer():
            return number

    assert thread.run(take_one()) == 1
    assert sorted(log) == ["inner", "inner", "outer", "outer"]
    assert usable(thread)


def test_a_dropped_generators_finally_may_take_its_time(sim_thread):
    async def numbers():
        try:
            yield 1
        finally:
            await asyncio.sleep(100)

    async def take_one():
        async for number in numbers():
            return number

    assert sim_thread.run(take_one()) == 1
    assert sim_thread.loop.time() == 100


@pytest.mark.parametrize("wait_s", [0, 0.01])
def test_a_task_that_swallows_its_cancellation_does_not_hang_the_run(thread, monkeypatch, wait_s):
    monkeypatch.setattr(loop_thread, "LEAVE_S", 0.05)
    may_end = threading.Event()

    async def leave_behind():
        leave_behind.task = asyncio.create_task(stubborn(may_end, lambda: asyncio.sleep(wait_s)))
        return await give("done")

    with pytest.raises(ClockError, match=r"not all that it left behind has ended: .*stubborn\."):
        thread.run(leave_behind())
    assert usable(thread)  # and does not wait for it again
    may_end.set()
    assert usable(thread)


def test_a_loop_that_stops_at_once_does_not_hide_what_it_left_behind(thread, monkeypatch):
    monkeypatch.setattr(loop_thread, "LEAVE_S", 0.05)
    may_end = threading.Event()
    call_soon = thread.loop.call_soon_threadsafe

    def stop_before_it_returns(*args):
        call_soon(*args)
        for worker in threading.enumerate():
            if worker.name == "labtools-loop":
                worker.join(10)

    monkeypatch.setattr(thread.loop, "call_soon_threadsafe", stop_before_it_returns)

    async def leave_behind():
        leave_behind.task = asyncio.create_task(stubborn(may_end, lambda: asyncio.sleep(0)))
        await asyncio.sleep(0)

    with pytest.raises(ClockError, match=r"stubborn\."):
        thread.run(leave_behind())
    may_end.set()
    assert usable(thread)


def test_what_the_run_raised_comes_before_what_it_left_behind(thread, monkeypatch):
    monkeypatch.setattr(loop_thread, "LEAVE_S", 0.05)
    may_end = threading.Event()

    async def fail():
        fail.task = asyncio.create_task(stubborn(may_end, lambda: asyncio.sleep(0.01)))
        await asyncio.sleep(0)
        raise ValueError("by the coroutine")

    with pytest.raises(ValueError, match="by the coroutine"):
        thread.run(fail())
    may_end.set()
    assert usable(thread)


def test_a_coroutine_that_hangs_is_a_deadlock_and_is_unwound(sim_thread, monkeypatch):
    monkeypatch.setattr(clock, "THREAD_GRACE_S", 0.01)
    log = []

    async def hang():
        try:
            await asyncio.Event().wait()
        finally:
            log.append("unwound")

    with pytest.raises(Deadlock):
        sim_thread.run(hang())
    assert log == ["unwound"]
    assert usable(sim_thread)


def test_a_coroutine_that_hangs_and_will_not_be_cancelled_is_still_only_a_deadlock(
    sim_thread, monkeypatch
):
    monkeypatch.setattr(clock, "THREAD_GRACE_S", 0.01)
    may_end = threading.Event()

    with pytest.raises(Deadlock):
        sim_thread.run(stubborn(may_end, lambda: asyncio.Event().wait()))
    may_end.set()
    assert usable(sim_thread)


def test_nothing_stays_set_in_the_calling_thread(thread):
    usable(thread)
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


@pytest.mark.parametrize("moment", range(8))
def test_ctrl_c_at_any_moment_cancels_the_coroutine(thread, moment):
    log = []

    async def busy():
        try:
            for _ in range(moment):
                await asyncio.sleep(0)
            os.kill(os.getpid(), signal.SIGINT)
            while True:  # noqa: ASYNC110 - busy on purpose
                await asyncio.sleep(0)
        finally:
            log.append("unwound")

    with pytest.raises(KeyboardInterrupt):
        thread.run(busy())
    assert log == ["unwound"]
    assert usable(thread)


def test_a_ctrl_c_that_wakes_nobody_is_still_heard(thread):
    async def caught_by_another_thread():
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        while True:  # noqa: ASYNC110 - busy on purpose
            await asyncio.sleep(0)

    with pytest.raises(KeyboardInterrupt):
        thread.run(caught_by_another_thread())
    assert usable(thread)


def test_ctrl_c_does_not_wait_for_ever_for_what_will_not_give_way(thread, monkeypatch):
    monkeypatch.setattr(loop_thread, "UNWIND_S", 0.05)
    release = threading.Event()

    async def blocks_its_thread():
        os.kill(os.getpid(), signal.SIGINT)
        release.wait()

    with pytest.raises(KeyboardInterrupt):
        thread.run(blocks_its_thread())
    with pytest.raises(ClockError, match="interrupted and never gave way"):
        thread.run(give(1))
    release.set()
    wait_until_free(thread)
    assert usable(thread)


def wait_until_free(thread):
    for _ in range(1000):
        try:
            return thread.run(give(None))
        except ClockError:
            threading.Event().wait(0.005)
    raise AssertionError("it never gave way")
