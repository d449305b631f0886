from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labtools import connect
from labtools.clock import SimLoop
from labtools.dispatch.sending import Limiter
from labtools.errors import ConfigurationError
from labtools.mock.engine import RateLimiter
from labtools.model.profile import LatencyProfile, RateLimits
from labtools.records import CallError, CallRecord
from labtools.wire.api_error import ApiError

MARGIN_S = 0.002


def refusal(retry_after_s=None):
    return CallRecord("m", 0.0, 0.0, error=CallError("status", "slow down", 429, retry_after_s))


ANSWER = CallRecord("m", 0.0, 1.0)


async def sent_at(limiter, asks):
    """When each of `asks` (seconds of delay, tokens) may be sent."""
    time, sent = asyncio.get_running_loop().time, []

    async def one(delay_s, tokens):
        await asyncio.sleep(delay_s)
        await limiter.admit(tokens)
        sent.append((time(), tokens))

    await asyncio.gather(*(one(*ask) for ask in asks))
    return sent


def test_the_first_minutes_worth_goes_at_once_and_then_one_at_a_time(sim):
    limiter = Limiter(RateLimits(requests_per_minute=20))
    sent = [at for at, _ in sim.run(sent_at(limiter, [(0.0, 0)] * 23))]
    assert sent[:20] == [0.0] * 20
    assert sent[20:] == pytest.approx([3.0, 6.0, 9.0], abs=MARGIN_S)
    assert limiter.waited_s == pytest.approx(18.0, abs=3 * MARGIN_S)


def test_tokens_count_as_requests_do(sim):
    limiter = Limiter(RateLimits(tokens_per_minute=6_000))
    sent = [at for at, _ in sim.run(sent_at(limiter, [(0.0, 4_000)] * 3))]
    assert sent == pytest.approx([0.0, 20.0, 60.0], abs=MARGIN_S)


def test_no_limits_no_wait(sim):
    assert sim.run(sent_at(Limiter(RateLimits()), [(0.0, 10**9)] * 3)) == [(0.0, 10**9)] * 3


@settings(max_examples=60)
@given(
    asks=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 500)), min_size=1, max_size=40),
    requests=st.none() | st.integers(1, 30),
    tokens=st.none() | st.integers(500, 3_000),
)
def test_the_endpoint_never_refuses_what_the_limiter_lets_through(asks, requests, tokens):
    limits = RateLimits(requests_per_minute=requests, tokens_per_minute=tokens)
    loop, endpoint = SimLoop(), RateLimiter(limits)
    try:
        for at, amount in loop.run_until_complete(sent_at(Limiter(limits), asks)):
            try:
                endpoint.admit(amount, at)
            except ApiError as refused:
                pytest.fail(f"{amount} tokens at {at} s: {refused.message}")
    finally:
        loop.close()


def test_a_fan_out_past_the_limit_is_answered_without_a_refusal():
    profile = LatencyProfile(
        "limited", decode_tokens_per_s=100, rate_limits=RateLimits(requests_per_minute=6)
    )
    with connect("sim", profile=profile) as lab:
        limiter = Limiter(profile.rate_limits)

        async def agent():
            read = lambda: lab.call("read", output_tokens=100)  # noqa: E731
            return await asyncio.gather(*(limiter.call(read) for _ in range(9)))

        trace = lab.run(agent())
    assert len(trace.calls) == 9
    assert all(call.error is None for call in trace.result)
    assert limiter.refused == 0
    assert trace.duration_s == pytest.approx(3 * 10 + 1, abs=3 * MARGIN_S)


def test_a_429_holds_everything_back_and_is_sent_again(sim):
    limiter, answers = Limiter(RateLimits(requests_per_minute=60)), iter([refusal(7.0), ANSWER])
    at = []

    async def send():
        at.append(sim.now)
        return next(answers)

    async def run():
        record = await limiter.call(send)
        at.append(sim.now)
        return record

    assert sim.run(run()) is ANSWER
    assert at == pytest.approx([0.0, 7.0, 7.0], abs=MARGIN_S)
    assert limiter.refused == 1


def test_after_a_429_the_others_do_not_rush_in_together(sim):
    """Somebody else has used up the key: the endpoint refuses the first burst."""
    limiter = Limiter(RateLimits(requests_per_minute=60))
    endpoint = RateLimiter(RateLimits(requests_per_minute=60))
    for _ in range(58):
        endpoint.admit(0, 0.0)

    async def send():
        await asyncio.sleep(0.01)
        try:
            endpoint.admit(0, sim.now)
        except ApiError as refused:
            return refusal(float(refused.headers["retry-after"]))
        return ANSWER

    async def run():
        return await asyncio.gather(*(limiter.call(send) for _ in range(10)))

    assert sim.run(run()) == [ANSWER] * 10
    assert limiter.refused == 8
    assert sim.now == pytest.approx(8.0, abs=0.1)


def test_without_retry_after_the_wait_doubles(sim):
    limiter, at = Limiter(RateLimits(requests_per_minute=60)), []

    async def send():
        at.append(sim.now)
        return refusal()

    record = sim.run(limiter.call(send, attempts=4))
    assert record.error.status == 429
    assert at == pytest.approx([0.0, 1.0, 3.0, 7.0], abs=4 * MARGIN_S)
    assert limiter.refused == 4


def test_another_error_is_not_sent_again(sim):
    failed = CallRecord("m", 0.0, 0.0, error=CallError("status", "broken", 500))
    limiter, sent = Limiter(RateLimits(requests_per_minute=60)), []

    async def send():
        sent.append(1)
        return failed

    assert sim.run(limiter.call(send)) is failed
    assert len(sent) == 1


def test_a_cancelled_wait_takes_nothing(sim):
    limiter = Limiter(RateLimits(requests_per_minute=1))

    async def run():
        await limiter.admit()
        impatient = asyncio.create_task(limiter.admit())
        patient = asyncio.create_task(limiter.admit())
        await asyncio.sleep(10)
        impatient.cancel()
        await patient

    sim.run(run())
    assert sim.now == pytest.approx(60.0, abs=MARGIN_S)


def test_what_no_minute_has_room_for(sim):
    limiter = Limiter(RateLimits(tokens_per_minute=1_000))
    with pytest.raises(ConfigurationError, match="1001 tokens never fits a limit of 1000"):
        sim.run(limiter.admit(1_001))
    with pytest.raises(ConfigurationError, match="attempts is 0"):
        sim.run(limiter.call(lambda: None, attempts=0))
