from __future__ import annotations

import random
from statistics import NormalDist, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.dispatch.sending import fan_out_speedup, mean_of_slowest
from labtools.errors import ConfigurationError


def test_the_audited_figures():
    assert fan_out_speedup(2, 0.5) == pytest.approx(1.57, abs=0.005)
    assert fan_out_speedup(4, 0.5) == pytest.approx(2.54, abs=0.005)


@given(st.floats(0, 3))
def test_two_calls_have_a_closed_form(sigma):
    assert mean_of_slowest(2, sigma) == pytest.approx(2 * NormalDist().cdf(sigma / 2**0.5))


@given(st.integers(1, 100), st.floats(0, 2))
def test_it_lies_between_the_mean_and_the_sum_and_grows(calls, sigma):
    slowest = mean_of_slowest(calls, sigma)
    assert 1 - 1e-9 <= slowest <= calls + 1e-9
    assert mean_of_slowest(calls + 1, sigma) >= slowest - 1e-9


def test_draws_agree():
    rng = random.Random(5)
    drawn = fmean(max(rng.lognormvariate(-0.125, 0.5) for _ in range(3)) for _ in range(40_000))
    assert drawn == pytest.approx(mean_of_slowest(3, 0.5), rel=0.02)


@pytest.mark.parametrize(("calls", "sigma"), [(0, 0.5), (1.5, 0.5), (2, -1), (2, float("nan"))])
def test_what_has_no_slowest(calls, sigma):
    with pytest.raises(ConfigurationError, match="Allowed"):
        mean_of_slowest(calls, sigma)
