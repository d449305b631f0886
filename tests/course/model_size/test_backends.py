"""The crossovers, against a search through the closed loop itself."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labtools.course.model_size.backends import crossover_clients, crossover_tokens
from labtools.errors import ConfigurationError
from labtools.model.closed_loop import closed_loop
from labtools.model.profile import LatencyProfile
from labtools.model.published_profiles import BATCH_13B, LATENCY_70B

QUICK_START = LatencyProfile("quick start", decode_tokens_per_s=50, overhead_s=0.1)
QUICK_END = LatencyProfile("quick end", decode_tokens_per_s=100, overhead_s=0.6)

profiles = st.builds(
    LatencyProfile,
    name=st.just("p"),
    decode_tokens_per_s=st.floats(10, 500),
    overhead_s=st.floats(0, 2),
    batch_penalty=st.floats(0, 0.1),
    max_batch=st.integers(1, 64),
)


def call_s(profile, clients, tokens, input_tokens=1000):
    return closed_loop(profile, clients, tokens, input_tokens).e2e_latency_s


@pytest.mark.parametrize("tokens", [1, 20, 80, 400])
def test_the_flip_lies_between_two_numbers_of_clients(tokens):
    flip = crossover_clients(LATENCY_70B, BATCH_13B, tokens)
    assert call_s(LATENCY_70B, flip, tokens) > call_s(BATCH_13B, flip, tokens)
    assert call_s(LATENCY_70B, flip - 1, tokens) <= call_s(BATCH_13B, flip - 1, tokens)


def test_a_flip_at_once_and_none_at_all():
    assert crossover_clients(BATCH_13B, LATENCY_70B, 80) == 1
    assert crossover_clients(LATENCY_70B, BATCH_13B, 80, most_clients=8) is None
    with pytest.raises(ConfigurationError, match="most_clients"):
        crossover_clients(LATENCY_70B, BATCH_13B, 80, most_clients=0)


def test_tokens_by_hand():
    # 0.1 + n / 50 = 0.6 + n / 100
    assert crossover_tokens(QUICK_START, QUICK_END) == pytest.approx(50)
    assert crossover_tokens(QUICK_END, QUICK_START) == pytest.approx(50)


def test_one_endpoint_that_is_faster_throughout_never_meets_the_other():
    assert crossover_tokens(LATENCY_70B, BATCH_13B) is None
    assert crossover_tokens(QUICK_START, QUICK_START.but(overhead_s=0.2)) is None


@given(profiles, profiles, st.integers(1, 200))
def test_at_the_crossover_both_take_as_long(first, second, clients):
    tokens = crossover_tokens(first, second, clients)
    assume(tokens is not None)
    assume(1 <= tokens <= 1e5)
    one = [call_s(p, clients, 1) for p in (first, second)]
    step = [call_s(p, clients, 2) - call_s(p, clients, 1) for p in (first, second)]
    assume(abs(step[0] - step[1]) > 1e-6)
    lengths = [one[i] + (tokens - 1) * step[i] for i in (0, 1)]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-6)
    below, above = max(1, int(tokens * 0.99) - 1), int(tokens * 1.01) + 2
    assert (call_s(first, clients, below) > call_s(second, clients, below)) != (
        call_s(first, clients, above) > call_s(second, clients, above)
    )
