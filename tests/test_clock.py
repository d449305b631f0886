"""Simulated time: exact, overlapping, and standing still while anything runs."""

import asyncio
import contextvars
import datetime
import math
import threading
import time
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labtools import clock
from labtools.clock import LONGEST_RUN_S, SimLoop, elapsed_s, unix_time_s
from labtools.errors import ClockError, Deadlock

nanoseconds = st.integers(min_value=0, max_value=10**12)


def simulate(coroutine):
    loop = SimLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


async def now():
    return asyncio.get_running_loop().time()


# sums and overlaps


@given(st.lists(nanoseconds, max_size=50))
def test_sleeps_in_a_row_add_up_to_the_nanosecond(sleeps_ns):
    async def sleep_all():
        for sleep_ns in sleeps_ns:
            await asyncio.sleep(sleep_ns / 1e9)
        return await now()

    assert simulate(sleep_all()) == sum(sleeps_ns) / 1e9


@given(st.lists(nanoseconds, min_size=1, max_size=50))
def test_parallel_sleeps_take_as_long_as_the_longest(sleeps_ns):
    async def sleep_together():
        await asyncio.gather(*(asyncio.sleep(sleep_ns / 1e9) for sleep_ns in sleeps_ns))
        return await now()

    assert simulate(sleep_together()) == max(sleeps_ns) / 1e9


@given(st.lists(nanoseconds, min_size=1, max_size=20))
def test_timers_fire_in_order_and_each_at_its_own_time(sleeps_ns):
    async def note_when():
        fired = []

        async def one(sleep_ns):
            await asyncio.sleep(sleep_ns / 1e9)
            fired.append((await now(), sleep_ns / 1e9))

        await asyncio.gather(*map(one, sleeps_ns))
        return fired

    fired = simulate(note_when())
    assert all(at == due for at, due in fired)
    assert [at for at, _ in fired] == sorted(at for at, _ in fired)


@given(st.lists(st.integers(0, 3), max_size=40))
def test_timers_for_one_instant_fire_in_the_order_in_which_they_were_set(seconds):
    async def set_them():
        loop, fired = asyncio.get_running_loop(), []
        for number, delay in enumerate(seconds):
            loop.call_later(delay, fired.append, (delay, number))
        await asyncio.sleep(10)
        return fired

    fired = simulate(set_them())
    assert fired == sorted(fired)
    assert len(fired) == len(seconds)


@given(st.lists(st.booleans(), min_size=1, max_size=400))
def test_cancelled_timers_do_not_fire_however_many_there_are(cancelled):
    async def cancel_some():
        loop, fired = asyncio.get_running_loop(), []
        for number, cancel in enumerate(cancelled):
            timer = loop.call_later(5, fired.append, number)
            if cancel:
                timer.cancel()
        await asyncio.sleep(10)
        return fired

    assert simulate(cancel_some()) == [n for n, cancel in enumerate(cancelled) if not cancel]


def test_a_closed_loop_takes_no_timer():
    loop = SimLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)


def test_ten_tenths_are_one():
    async def ten_tenths():
        for _ in range(10):
            await asyncio.sleep(0.1)
        return await now()

    assert 0.1 + 0.1 + 0.1 != 0.3  # so that adding floats would show
    assert simulate(ten_tenths()) == 1


def test_simulated_hours_take_no_time():
    async def a_day():
        for _ in range(24):
            await asyncio.sleep(3600)
        return await now()

    before = time.monotonic()
    assert simulate(a_day()) == 86_400
    assert time.monotonic() - before < 5


def test_time_stands_still_while_anything_can_run():
    async def spin():
        for _ in range(100):
            await asyncio.sleep(0)
        return await now()

    assert simulate(spin()) == 0


@pytest.mark.parametrize("delay", [0, -1, -math.inf])
def test_a_delay_that_is_over_fires_now_and_time_does_not_go_back(delay):
    async def wait():
        await asyncio.sleep(1)
        fired = asyncio.Event()
        asyncio.get_running_loop().call_later(delay, fired.set)
        await fired.wait()
        return await now()

    assert simulate(wait()) == 1


@given(st.integers(0, 10**15), st.integers(0, 10**15))
@example(12_350_000_000, 650_000_000)
def test_elapsed_seconds_are_exact_where_a_difference_of_floats_is_not(start_ns, length_ns):
    start, end = start_ns / 1e9, (start_ns + length_ns) / 1e9
    assert elapsed_s(start, end) == length_ns / 1e9


# timeouts and cancelling


@given(st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=4))
def test_a_sleep_that_takes_no_turn_is_as_one_that_does(tasks):
    async def noted(sleep):
        seen = []

        async def sleeper(name, sleeps_s):
            for sleep_s in sleeps_s:
                await sleep(sleep_s)
                seen.append((await now(), name))

        await asyncio.gather(*(sleeper(name, sleeps_s) for name, sleeps_s in enumerate(tasks)))
        return seen

    assert simulate(noted(clock.sleep)) == simulate(noted(asyncio.sleep))


def test_a_sleep_takes_no_turn_where_nothing_happens_before_its_end():
    async def turns(*sleeps_s):
        loop = asyncio.get_running_loop()
        with mock.patch.object(loop, "_run_once", wraps=loop._run_once) as turn:
            for sleep_s in sleeps_s:
                await clock.sleep(sleep_s)
        return turn.call_count, loop.time()

    assert simulate(turns(1.5, 2.0)) == (0, 3.5)


def test_a_sleep_that_never_ends_is_refused_here_too():
    with pytest.raises(ClockError):
        simulate(clock.sleep(math.inf))


def test_asyncio_timeouts_count_simulated_seconds():
    async def too_slow():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.sleep(10)
        return await now()

    assert simulate(too_slow()) == 2.5


def test_a_timeout_that_is_not_reached_costs_nothing():
    async def quick():
        async with asyncio.timeout(100):
            await asyncio.sleep(1)
        assert await asyncio.wait_for(asyncio.sleep(1, "done"), timeout=100) == "done"
        return await now()

    assert simulate(quick()) == 2


def test_cancelling_ends_a_sleep_at_once():
    async def cancel_one():
        sleeping = asyncio.create_task(asyncio.sleep(100))
        await asyncio.sleep(1)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        return await now()

    assert simulate(cancel_one()) == 1


def test_call_at_and_call_later_keep_their_context_and_can_be_cancelled():
    colour = contextvars.ContextVar("colour", default="none")

    async def schedule():
        loop, seen = asyncio.get_running_loop(), []
        there = contextvars.copy_context()
        there.run(colour.set, "red")
        loop.call_at(2, lambda: seen.append((loop.time(), colour.get())), context=there)
        loop.call_later(1, lambda: seen.append((loop.time(), colour.get())))
        loop.call_later(1.5, seen.append, "never").cancel()
        await asyncio.sleep(3)
        return seen

    assert simulate(schedule()) == [(1, "none"), (2, "red")]


# threads


def test_time_stands_still_while_a_thread_works():
    async def work_beside_a_timer():
        timer = asyncio.create_task(asyncio.sleep(5))
        started_at = await now()
        answer = await asyncio.to_thread(lambda: time.sleep(0.02) or 42)
        worked_until = await now()
        await timer
        return answer, started_at, worked_until, await now()

    assert simulate(work_beside_a_timer()) == (42, 0, 0, 5)


def test_what_a_thread_raises_is_raised():
    async def fail_in_a_thread():
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        await asyncio.sleep(1)
        return await now()

    assert simulate(fail_in_a_thread()) == 1


def test_many_threads_report_back_in_any_order():
    async def many():
        waits_s = [0.02, 0.0, 0.01, 0.005]

        def work(index):
            time.sleep(waits_s[index])
            return index

        found = await asyncio.gather(*(asyncio.to_thread(work, index) for index in range(4)))
        return found, await now()

    assert simulate(many()) == ([0, 1, 2, 3], 0)


def test_a_call_from_a_thread_that_asyncio_does_not_know_wakes_the_loop():
    async def wait_for_it():
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        threading.Timer(0.02, loop.call_soon_threadsafe, [arrived.set]).start()
        await arrived.wait()
        return await now()

    assert simulate(wait_for_it()) == 0


def test_standing_still_keeps_timers_from_firing_before_an_unknown_thread_is_done():
    async def with_an_outsider():
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        timer = asyncio.create_task(asyncio.sleep(5))
        threading.Timer(0.02, loop.call_soon_threadsafe, [arrived.set]).start()
        with loop.standing_still():
            await arrived.wait()
            seen_at = await now()
        await timer
        return seen_at, await now()

    assert simulate(with_an_outsider()) == (0, 5)


def test_a_cancelled_wait_for_a_thread_lets_time_go_on():
    release = threading.Event()

    async def give_up():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.to_thread(release.wait)
        await asyncio.sleep(3)
        release.set()
        return await now()

    assert simulate(give_up()) == 3


def test_it_serves_asyncios_own_runner_and_its_executor():
    async def work():
        await asyncio.sleep(1)
        await asyncio.to_thread(time.sleep, 0.01)
        return await now()

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        assert runner.run(work()) == 1
        loop = runner.get_loop()
        assert loop.time() == 1
    assert loop.is_closed()
    assert loop.time() == 1  # closing the executor waits for threads, not for simulated time


# what cannot go on


def test_a_wait_for_what_never_comes_is_a_deadlock(monkeypatch):
    monkeypatch.setattr(clock, "THREAD_GRACE_S", 0.01)
    loop = SimLoop()
    with pytest.raises(Deadlock, match=r"nothing is ready to run and no timer is set.*future"):
        loop.run_until_complete(asyncio.wait_for(loop.create_future(), timeout=None))
    assert loop.run_until_complete(asyncio.sleep(1, "usable")) == "usable"
    loop.close()


def test_a_future_that_a_timer_completes_is_no_deadlock():
    async def completed_later():
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(7, future.set_result, "in time")
        return await future, await now()

    assert simulate(completed_later()) == ("in time", 7)


@given(st.floats(min_value=LONGEST_RUN_S, exclude_min=False, allow_nan=False))
@example(LONGEST_RUN_S)
@example(math.inf)
def test_a_sleep_past_what_a_float_can_hold_is_refused(seconds):
    with pytest.raises(ClockError, match="exact up to 8388608 s"):
        simulate(asyncio.sleep(seconds))


def test_time_is_exact_up_to_the_limit():
    async def close_to_the_limit():
        await asyncio.sleep(LONGEST_RUN_S - 1)
        before = await now()
        for _ in range(100):
            await asyncio.sleep(1e-9)
        return elapsed_s(before, await now())

    assert simulate(close_to_the_limit()) == 100e-9


@pytest.mark.parametrize("far", [1e12, math.inf])
def test_a_timer_beyond_the_limit_is_fine_as_long_as_nobody_waits_for_it(far):
    async def no_limit():
        async with asyncio.timeout(far):
            await asyncio.sleep(1)
        return await now()

    assert simulate(no_limit()) == 1


def test_the_calendar_is_utc():
    before = datetime.datetime.now(datetime.UTC).timestamp()
    assert before <= unix_time_s() <= datetime.datetime.now(datetime.UTC).timestamp()
