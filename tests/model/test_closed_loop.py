"""The closed loop's closed form, against the mock's engine."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.clock import SimLoop
from labtools.errors import ConfigurationError
from labtools.mock.engine import Engine
from labtools.model.closed_loop import closed_loop
from labtools.model.profile import LatencyProfile

PROFILE = LatencyProfile(
    name="m",
    decode_tokens_per_s=50,
    rtt_s=0.1,
    overhead_s=0.2,
    prefill_tokens_per_s=1000,
    batch_penalty=0.1,
    max_batch=4,
)
TOKENS, INPUT = 20, 100


async def _client(engine: Engine, calls: int, measured: list[tuple[float, float]]) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(calls):
        sent_at = loop.time()
        async with engine.sequence("x" * 4 * INPUT, random.Random(0)) as sequence:
            await sequence.prefill()
            ttft_s = loop.time() - sent_at
            await sequence.decode(TOKENS + 1).ended()
        measured.append((ttft_s, loop.time() - sent_at))


def simulated(profile: LatencyProfile, clients: int, calls: int) -> list[tuple[float, float]]:
    """(TTFT, end to end) of the calls, each client's first left out: it starts with all others."""
    engine, loop = Engine(profile), SimLoop()
    lists: list[list[tuple[float, float]]] = [[] for _ in range(clients)]

    async def run() -> None:
        await asyncio.gather(*(_client(engine, calls, measured) for measured in lists))

    loop.run_until_complete(run())
    loop.close()
    return [call for measured in lists for call in measured[1:-1]]


@pytest.mark.parametrize("clients", [1, 2, 4])
def test_without_a_queue_it_is_exact(clients):
    expected = closed_loop(PROFILE, clients, TOKENS, INPUT)
    for ttft_s, e2e_latency_s in simulated(PROFILE, clients, 4):
        assert ttft_s == pytest.approx(expected.ttft_s, abs=1e-6)
        assert e2e_latency_s == pytest.approx(expected.e2e_latency_s, rel=0.01)


@pytest.mark.parametrize("clients", [8, 12])
def test_with_a_queue_it_is_the_mean(clients):
    """In the model a slot is handed over at once; only the client's own trip comes on top."""
    profile = PROFILE.but(rtt_s=0)
    calls = simulated(profile, clients, 30)
    expected = closed_loop(profile, clients, TOKENS, INPUT)
    assert sum(e2e for _, e2e in calls) / len(calls) == pytest.approx(
        expected.e2e_latency_s, rel=0.02
    )
    assert sum(ttft for ttft, _ in calls) / len(calls) == pytest.approx(expected.ttft_s, rel=0.02)


@given(st.integers(1, 1000))
def test_more_clients_never_speed_a_call_up(clients):
    fewer, more = (closed_loop(PROFILE, n, TOKENS) for n in (clients, clients + 1))
    assert more.ttft_s >= fewer.ttft_s
    assert more.tokens_per_s <= fewer.tokens_per_s


@given(st.integers(1, 100), st.integers(1, 10))
def test_replicas_share_the_clients(clients, replicas):
    shared = closed_loop(PROFILE.but(replicas=replicas), clients * replicas, TOKENS)
    assert shared.e2e_latency_s == pytest.approx(
        closed_loop(PROFILE, clients, TOKENS).e2e_latency_s
    )


def test_alone_it_is_the_latency_model():
    alone = closed_loop(PROFILE, 1, TOKENS, INPUT)
    assert alone.ttft_s == PROFILE.ttft_s(INPUT)
    assert alone.e2e_latency_s == pytest.approx(PROFILE.e2e_latency_s(TOKENS, INPUT))
    assert alone.tokens_per_s == pytest.approx(TOKENS / alone.e2e_latency_s)


@pytest.mark.parametrize(
    "bad", [{"concurrency": 0, "output_tokens": 1}, {"concurrency": 1, "output_tokens": 0}]
)
def test_less_than_one_is_refused(bad):
    with pytest.raises(ConfigurationError, match=r"is 0\. Allowed: a finite number, at least 1"):
        closed_loop(PROFILE, **bad)
