from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.clock import SimLoop
from labtools.dispatch.sending import fan_out
from labtools.errors import ConfigurationError


class Work:
    """Calls of given lengths that note when they ran and how many ran at once."""

    def __init__(self) -> None:
        self.active = self.most = 0
        self.begun: list[int] = []
        self.cancelled: list[int] = []

    def calls(self, lengths_s, failing=()):
        return [
            lambda number=number, length_s=length_s: self._one(number, length_s, number in failing)
            for number, length_s in enumerate(lengths_s)
        ]

    async def _one(self, number, length_s, fails):
        self.begun.append(number)
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await asyncio.sleep(length_s)
            if fails:
                raise ValueError(f"call {number}")
            return number
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.active -= 1


def test_without_a_limit_it_takes_as_long_as_the_slowest(sim):
    results = sim.run(fan_out(Work().calls([0.8, 0.3, 0.5])))
    assert results == [0, 1, 2]
    assert sim.now == 0.8


def test_with_a_limit_of_one_it_takes_the_sum(sim):
    assert sim.run(fan_out(Work().calls([0.8, 0.3, 0.5]), limit=1)) == [0, 1, 2]
    assert sim.now == 1.6


def finish_s(lengths_s, limit):
    """The oracle: each call goes to the place that is free first."""
    places = [0] * limit
    for length in lengths_s:
        first = places.index(min(places))
        places[first] += length
    return max(places)


@given(
    lengths=st.lists(st.integers(1, 50), max_size=20),
    limit=st.integers(1, 6),
)
def test_calls_keep_their_order_and_the_limit(lengths, limit):
    loop, work = SimLoop(), Work()
    try:
        results = loop.run_until_complete(fan_out(work.calls(lengths), limit=limit))
        assert results == list(range(len(lengths)))
        assert work.begun == results
        assert work.most <= limit
        assert loop.time() == finish_s(lengths, limit)
    finally:
        loop.close()


def test_when_one_raises_the_others_are_cancelled(sim):
    work = Work()
    with pytest.raises(ValueError, match="call 1"):
        sim.run(fan_out(work.calls([5.0, 1.0, 5.0, 5.0], failing=[1]), limit=3))
    assert sim.now == 1.0
    assert work.cancelled == [0, 2]
    assert work.begun == [0, 1, 2]
    assert work.active == 0


def test_when_its_caller_is_cancelled_so_are_its_calls(sim):
    work = Work()

    async def impatient():
        async with asyncio.timeout(2):
            await fan_out(work.calls([5.0, 5.0]))

    with pytest.raises(TimeoutError):
        sim.run(impatient())
    assert work.cancelled == [0, 1]


def test_nothing_to_do_is_nothing(sim):
    assert sim.run(fan_out([])) == []


@pytest.mark.parametrize("limit", [0, -1, 1.5, True])
def test_a_limit_that_lets_nothing_through(sim, limit):
    with pytest.raises(ConfigurationError, match="at least 1"):
        sim.run(fan_out(Work().calls([1.0]), limit=limit))


def test_coroutines_have_already_been_made(sim):
    work = Work()
    with pytest.raises(ConfigurationError, match="Call 1 of 2 is of type coroutine"):
        sim.run(fan_out([work.calls([1.0])[0], work.calls([1.0])[0]()]))
    assert work.begun == []
