from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools import connect
from labtools.clock import SimLoop
from labtools.dispatch.sending import Hedged, hedge_delay_s, hedged
from labtools.errors import ConfigurationError, NothingMeasured
from labtools.model.named_profiles import FAST


class Calls:
    """Each call takes the next length; a string is raised, or returned when it begins with !."""

    def __init__(self, *calls):
        self._calls = list(calls)
        self.sent = 0
        self.cancelled = []

    async def __call__(self):
        number, (length_s, outcome) = self.sent, self._calls[self.sent]
        self.sent += 1
        try:
            await asyncio.sleep(length_s)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def good(outcome):
    return not outcome.startswith("!")


def test_a_call_that_is_not_late_is_sent_once(sim):
    calls = Calls((0.8, "a"))
    assert sim.run(hedged(calls, delay_s=1.0)) == Hedged("a", requests=1, won_by=1)
    assert sim.now == 0.8


def test_a_late_call_is_overtaken_and_cancelled(sim):
    calls = Calls((10.0, "a"), (0.8, "b"))
    assert sim.run(hedged(calls, delay_s=1.0)) == Hedged("b", requests=2, won_by=2)
    assert sim.now == 1.8
    assert calls.cancelled == [0]


def test_a_late_call_may_still_win(sim):
    calls = Calls((1.5, "a"), (0.8, "b"))
    assert sim.run(hedged(calls, delay_s=1.0)) == Hedged("a", requests=2, won_by=1)
    assert sim.now == 1.5
    assert calls.cancelled == [1]


@given(first=st.integers(0, 40), second=st.integers(0, 40), delay=st.integers(0, 40))
def test_it_ends_with_the_earlier_of_the_two(first, second, delay):
    loop, calls = SimLoop(), Calls((first, "a"), (second, "b"))
    try:
        outcome = loop.run_until_complete(hedged(calls, delay_s=delay))
        assert loop.time() == min(first, delay + second)
        if first != delay:  # at the very instant either is right
            assert outcome.requests == (1 if first < delay else 2)
        assert outcome.result == ("a", "b")[outcome.won_by - 1]
    finally:
        loop.close()


def test_a_quick_refusal_does_not_win(sim):
    calls = Calls((3.0, "a"), (0.1, "!429"))
    assert sim.run(hedged(calls, delay_s=1.0, good=good)) == Hedged("a", 2, 1)
    assert sim.now == 3.0


def test_when_the_first_fails_late_the_second_stands(sim):
    calls = Calls((1.5, ConnectionError("gone")), (2.0, "b"))
    assert sim.run(hedged(calls, delay_s=1.0)) == Hedged("b", 2, 2)
    assert sim.now == 3.0


def test_when_both_fail_the_first_says_why(sim):
    calls = Calls((1.5, ConnectionError("first")), (0.1, ConnectionError("second")))
    with pytest.raises(ConnectionError, match="first"):
        sim.run(hedged(calls, delay_s=1.0))
    calls = Calls((1.5, "!first"), (0.1, "!second"))
    assert sim.run(hedged(calls, delay_s=1.0, good=good)) == Hedged("!first", 2, 1)


def test_it_is_not_a_retry(sim):
    calls = Calls((0.1, "!429"), (0.1, "b"))
    assert sim.run(hedged(calls, delay_s=1.0, good=good)) == Hedged("!429", 1, 1)
    assert calls.sent == 1


def test_when_its_caller_is_cancelled_so_are_both(sim):
    calls = Calls((9.0, "a"), (9.0, "b"))

    async def impatient():
        async with asyncio.timeout(3):
            await hedged(calls, delay_s=1.0)

    with pytest.raises(TimeoutError):
        sim.run(impatient())
    assert calls.cancelled == [0, 1]


def test_the_losers_slot_at_the_endpoint_is_free_at_once():
    profile = FAST.but(max_batch=2, tail_probability=0.5, tail_factor=20.0)
    with connect("sim", profile=profile, seed=3) as lab:

        async def agent():
            return [
                await hedged(lambda: lab.call("read", output_tokens=130), delay_s=1.0)
                for _ in range(10)
            ]

        trace = lab.run(agent())
    assert any(outcome.requests == 2 for outcome in trace.result)
    won_s = [outcome.result.e2e_latency_s for outcome in trace.result if outcome.won_by == 2]
    # A loser that kept its slot would make somebody queue: their TTFT would be over 0.15 s.
    fast = [latency_s for latency_s in won_s if latency_s < 1.0]
    assert fast
    assert fast == [0.8] * len(fast)


def test_the_delay_is_a_quantile_of_what_was_seen():
    rng = random.Random(1)
    latencies_s = [rng.lognormvariate(0, 0.5) for _ in range(200)]
    later = sum(latency_s > hedge_delay_s(latencies_s) for latency_s in latencies_s)
    assert later == 10
    with pytest.raises(NothingMeasured):
        hedge_delay_s([])


@pytest.mark.parametrize("delay_s", [-1.0, float("nan")])
def test_a_delay_that_cannot_be(sim, delay_s):
    with pytest.raises(ConfigurationError, match="at least 0"):
        sim.run(hedged(Calls(), delay_s=delay_s))
