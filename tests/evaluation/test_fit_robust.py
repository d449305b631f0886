"""The fit's estimators: exact on exact data, unmoved by wild values, right on average."""

from __future__ import annotations

import math
import random
from statistics import linear_regression

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.evaluation.fitting.robust import (
    line,
    median_interval,
    paces,
    slope_through_origin,
    spread,
)

slopes = st.floats(-1e3, 1e3)


@given(st.lists(st.integers(0, 10_000), min_size=2, unique=True), slopes, slopes)
def test_points_on_a_line_give_the_line(xs, intercept, slope):
    found = line([(x, intercept + slope * x) for x in xs])
    size = abs(intercept) + abs(slope) * max(xs) + 1
    assert found.slope == pytest.approx(slope, abs=1e-9 * size)
    assert found.intercept == pytest.approx(intercept, abs=1e-9 * size)


def test_a_fifth_of_wild_points_does_not_move_the_line():
    points = [(x, 2 + 3 * x) for x in range(40)]
    points += [(x, 1e6) for x in range(10)]
    assert line(points).slope == pytest.approx(3)
    assert line(points).intercept == pytest.approx(2)


def test_on_normal_errors_the_line_is_as_good_as_least_squares():
    rng, ours, squares = random.Random(1), [], []
    for _ in range(200):
        points = [(x % 10, x % 10 + rng.gauss(0, 1)) for x in range(40)]
        ours.append(line(points).slope - 1)
        squares.append(linear_regression(*zip(*points, strict=True)).slope - 1)
    assert math.hypot(*ours) < 1.15 * math.hypot(*squares)


def test_the_standard_errors_of_a_line_are_those_of_its_estimates():
    rng, slopes, errors, intercepts, intercept_errors = random.Random(2), [], [], [], []
    for _ in range(200):
        found = line([(x, 5 + x + rng.gauss(0, 1)) for x in range(60)])
        slopes.append(found.slope)
        errors.append(found.slope_error)
        intercepts.append(found.intercept)
        intercept_errors.append(found.intercept_error)
    assert spread(slopes) == pytest.approx(sum(errors) / 200, rel=0.25)
    assert spread(intercepts) == pytest.approx(sum(intercept_errors) / 200, rel=0.35)


@given(st.lists(st.floats(0.1, 100), min_size=3), st.floats(1e-3, 10))
def test_a_slope_through_the_origin_is_exact_on_exact_data(xs, slope):
    found, error = slope_through_origin([(x, slope * x) for x in xs])
    assert found == pytest.approx(slope)
    assert error <= 1e-6 * slope


def test_a_slope_through_the_origin_limits_wild_values_and_keeps_the_mean_of_the_rest():
    rng = random.Random(3)
    met = [(7.0, 0.1 * sum(rng.random() < 1 / 8 for _ in range(7))) for _ in range(2_000)]
    assert slope_through_origin(met)[0] == pytest.approx(0.1 / 8, rel=0.05)
    wild = [*met, *[(7.0, 50.0)] * 20]
    assert slope_through_origin(wild)[0] == pytest.approx(0.1 / 8, rel=0.15)


def drawn(count, sigma, probability, factor, seed=4):
    rng = random.Random(seed)
    return [
        rng.gauss(-(sigma**2) / 2, sigma) + math.log(factor) * (rng.random() < probability)
        for _ in range(count)
    ]


@pytest.mark.parametrize("sigma", [0.05, 0.2])
@pytest.mark.parametrize(("probability", "factor"), [(0.05, 4), (0.02, 10), (0.1, 3)])
def test_jitter_and_tail_are_told_apart(sigma, probability, factor):
    found = paces(drawn(20_000, sigma, probability, factor), floor=1e-6)
    assert found.sigma == pytest.approx(sigma, rel=0.03)
    assert found.centre == pytest.approx(-(sigma**2) / 2, abs=0.01)
    assert found.tail_probability == pytest.approx(probability, rel=0.1)
    assert math.exp(found.tail_shift) == pytest.approx(factor, rel=0.05)


@pytest.mark.parametrize("sigma", [0.02, 0.2, 0.5])
def test_jitter_alone_has_no_tail(sigma):
    found = paces(drawn(240, sigma, 0, 1), floor=1e-6)
    assert found.tail_probability == 0
    assert found.sigma == pytest.approx(sigma, rel=0.1)


def test_paces_that_are_all_alike_spread_by_the_floor():
    assert paces([0.0] * 50, floor=0.01).sigma == 0.01
    assert paces([0.0] * 50 + [math.log(4)] * 5, floor=0.01).tail_probability == pytest.approx(
        1 / 11
    )


def test_a_tail_takes_three_calls():
    assert paces([0.0] * 50 + [1.0] * 2, floor=0.01).tail_probability == 0


def test_a_few_values_have_their_extremes_for_an_interval():
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert median_interval([float(n) for n in range(100)]) == (39.0, 60.0)
