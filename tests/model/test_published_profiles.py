"""The published profiles follow from their sources, and the fitted one from its curve."""

from __future__ import annotations

import asyncio
import math
import random
from statistics import fmean

import pytest

from labtools.clock import SimLoop
from labtools.course.model_size.backends import ACCELERATORS, decode_bound_tokens_per_s
from labtools.mock.engine import Engine
from labtools.model.closed_loop import closed_loop
from labtools.model.named_profiles import (
    BATCH_13B,
    LATENCY_70B,
    OCI_LLAMA_70B,
    PUBLISHED,
    TRACELAB_MEDIAN,
)
from labtools.model.profile import LatencyProfile, Prices

H100 = ACCELERATORS["H100 SXM"].bandwidth_bytes_per_s
A100 = ACCELERATORS["A100 80GB SXM"].bandwidth_bytes_per_s
H200 = 4.8e12  # NVIDIA H200 datasheet: 4.8 TB/s

# Oracle's table: clients, TTFT in seconds, tokens over end-to-end time.
OCI_CURVE = [
    (1, 0.05, 58.64),
    (2, 0.06, 57.98),
    (4, 0.06, 56.74),
    (8, 0.07, 54.74),
    (16, 0.09, 50.89),
    (32, 0.16, 44.32),
    (64, 0.40, 35.74),
    (128, 1.29, 25.60),
    (256, 4.09, 15.27),
]
OCI_INPUT, OCI_OUTPUT = (480, 240), (300, 150)  # mean and standard deviation, in tokens


def misfit(profile: LatencyProfile) -> float:
    """Sum of squared log ratios to the nine speeds and the TTFT at 256 clients."""
    calls = {c: closed_loop(profile, c, OCI_OUTPUT[0], OCI_INPUT[0]) for c, _, _ in OCI_CURVE}
    errors = [math.log(calls[c].tokens_per_s / speed) for c, _, speed in OCI_CURVE]
    return sum(e**2 for e in (*errors, math.log(calls[256].ttft_s / 4.09)))


@pytest.mark.parametrize(
    "changes",
    [
        {"decode_tokens_per_s": 59.2 * 1.01},
        {"decode_tokens_per_s": 59.2 * 0.99},
        {"batch_penalty": 0.0103 * 1.03},
        {"batch_penalty": 0.0103 * 0.97},
        {"max_batch": 201},
        {"max_batch": 207},
    ],
)
def test_no_neighbouring_figures_fit_the_published_curve_better(changes):
    assert misfit(OCI_LLAMA_70B) < misfit(OCI_LLAMA_70B.but(**changes))


@pytest.mark.parametrize(("clients", "ttft_s", "speed"), OCI_CURVE)
def test_the_fitted_profile_has_the_published_speeds_in_closed_form(clients, ttft_s, speed):
    call = closed_loop(OCI_LLAMA_70B, clients, OCI_OUTPUT[0], OCI_INPUT[0])
    assert call.tokens_per_s == pytest.approx(speed, rel=0.01)
    if clients in (1, 256):
        assert call.ttft_s == pytest.approx(ttft_s, rel=0.02)


@pytest.mark.parametrize(("clients", "ttft_s"), [(32, 0.16), (64, 0.40), (128, 1.29)])
def test_the_fitted_profile_does_not_reproduce_contention_between_prefills(clients, ttft_s):
    call = closed_loop(OCI_LLAMA_70B, clients, OCI_OUTPUT[0], OCI_INPUT[0])
    assert call.ttft_s == pytest.approx(0.05, rel=0.001)
    assert call.ttft_s < ttft_s / 3


async def _client(
    engine: Engine, rng: random.Random, window: tuple[float, float], until: float, measured: list
) -> None:
    """One client of a closed loop, with Oracle's random lengths; keeps calls sent in `window`."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        prompt = "x" * 4 * max(1, round(rng.gauss(*OCI_INPUT)))
        tokens = max(1, round(rng.gauss(*OCI_OUTPUT)))
        sent_at = loop.time()
        async with engine.sequence(prompt, rng) as sequence:
            await sequence.prefill()
            ttft_s = loop.time() - sent_at
            await sequence.decode(tokens + 1).ended()
        if window[0] <= sent_at < window[1]:
            measured.append((ttft_s, tokens, loop.time() - sent_at))


def simulated(profile: LatencyProfile, clients: int, calls: float) -> tuple[float, float]:
    """Mean TTFT, and tokens over end-to-end time, of `clients` at the mock's engine.

    Measured are the calls sent in about `calls` call times, after two to settle and before one
    in which the load goes on.
    """
    call_s = closed_loop(profile, clients, OCI_OUTPUT[0], OCI_INPUT[0]).e2e_latency_s
    window = (2 * call_s, call_s * (2 + calls))
    measured: list[tuple[float, int, float]] = []
    loop = SimLoop()
    engine = Engine(profile)

    async def run() -> None:
        rngs = [random.Random(f"{clients}/{number}") for number in range(clients)]
        until = window[1] + call_s
        await asyncio.gather(*(_client(engine, rng, window, until, measured) for rng in rngs))

    loop.run_until_complete(run())
    loop.close()
    speed = sum(tokens for _, tokens, _ in measured) / sum(e2e for _, _, e2e in measured)
    return fmean(ttft for ttft, _, _ in measured), speed


@pytest.mark.parametrize(
    ("clients", "calls", "ttft_s", "speed"),
    [
        pytest.param(1, 60, 0.05, 58.64, id="1 client"),
        pytest.param(16, 5, None, 50.89, id="16 clients"),
        pytest.param(64, 2, None, 35.74, id="64 clients"),
        pytest.param(256, 2, 4.09, 15.27, id="256 clients"),
    ],
)
def test_the_mock_has_the_published_speeds_with_random_lengths(clients, calls, ttft_s, speed):
    measured_ttft_s, measured_speed = simulated(OCI_LLAMA_70B, clients, calls)
    assert measured_speed == pytest.approx(speed, rel=0.01)
    if ttft_s is not None:
        assert measured_ttft_s == pytest.approx(ttft_s, rel=0.1)


def test_latency_70b_is_between_the_published_shares_of_the_roofline():
    bound = decode_bound_tokens_per_s(70e9, 1, 8, H100)
    on_two_h100 = (1 / 18.58e-3) / decode_bound_tokens_per_s(70e9, 1, 2, H100)
    on_eight_h200 = 268 / decode_bound_tokens_per_s(70e9, 1, 8, H200)
    share = LATENCY_70B.decode_tokens_per_s / bound
    assert on_eight_h200 < share < on_two_h100
    assert [round(s, 2) for s in (on_eight_h200, share, on_two_h100)] == [0.49, 0.52, 0.56]


@pytest.mark.parametrize(
    ("streams", "token_ms"), [(1, 18.58), (5, 21.83), (25, 38.75), (50, 59.73)]
)
def test_latency_70b_slows_with_streams_as_published_for_two_h100(streams, token_ms):
    slowdown = LATENCY_70B.step_s(streams) / LATENCY_70B.step_s(1)
    assert slowdown == pytest.approx(token_ms / 18.58, rel=0.02)


def test_latency_70b_prefills_as_published_for_two_h100_scaled():
    per_token_s = (0.40677 - 0.04777) / (5000 - 500)
    assert 1 / per_token_s == pytest.approx(12_500, rel=0.01)
    assert LATENCY_70B.overhead_s == pytest.approx(0.04777 - 500 * per_token_s, abs=0.0005)
    assert LATENCY_70B.prefill_tokens_per_s == pytest.approx(12_500 * 4 * 0.7)


def test_batch_13b_alone_is_as_measured_and_below_the_roofline():
    bound = decode_bound_tokens_per_s(13e9, 2, 1, A100)
    assert round(BATCH_13B.decode_tokens_per_s / bound, 2) == 0.71
    per_token_s = (0.242 - 0.040) / (2048 - 128)
    assert BATCH_13B.prefill_tokens_per_s == pytest.approx(1 / per_token_s, rel=0.01)
    assert BATCH_13B.overhead_s == pytest.approx(0.040 - 128 * per_token_s, abs=0.0005)


@pytest.mark.parametrize(("streams", "token_ms"), [(16, 26), (32, 34)])
def test_batch_13b_slows_with_streams_as_measured(streams, token_ms):
    assert BATCH_13B.step_s(streams) == pytest.approx(token_ms / 1e3, rel=0.02)


def test_batch_13b_holds_as_many_streams_as_fit_beside_the_weights():
    bytes_per_token = 2 * 40 * 5120 * 2  # keys and values, layers, width, fp16
    free = 0.9 * 80e9 - 13e9 * 2
    assert BATCH_13B.max_batch == int(free / bytes_per_token / 1150)


def test_tracelab_median_call():
    ttft_s = TRACELAB_MEDIAN.ttft_s(119_875, cached_tokens=119_000)
    assert ttft_s == pytest.approx(3.1)
    e2e = TRACELAB_MEDIAN.e2e_latency_s(214, 119_875, cached_tokens=119_000)
    assert e2e == pytest.approx(3.1 + 214 / 40.7)


def test_the_latency_tuned_70b_wins_alone_and_loses_under_load():
    """Eight accelerators each: the batch-tuned 13B is ahead once the 70B has to queue."""

    def e2e(profile: LatencyProfile, clients: int) -> float:
        return closed_loop(profile, clients, output_tokens=100).e2e_latency_s

    assert e2e(LATENCY_70B, 1) < e2e(BATCH_13B, 1) / 3
    assert e2e(LATENCY_70B, 128) > e2e(BATCH_13B, 128)


@pytest.mark.parametrize("profile", PUBLISHED, ids=lambda profile: profile.name)
def test_every_profile_states_its_source_and_no_unsourced_price(profile):
    assert "Assumed:" in profile.source
    assert profile.prices == Prices()
