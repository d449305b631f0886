"""The flip, against the closed loop itself."""

import pytest

from labtools.course.model_size.backends import crossover_clients
from labtools.errors import ConfigurationError
from labtools.model.closed_loop import closed_loop
from labtools.model.named_profiles import BATCH_13B, LATENCY_70B


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
