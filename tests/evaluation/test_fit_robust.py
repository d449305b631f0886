"""The fit's estimators: exact on exact data, unmoved by wild values, right on average."""

from __future__ import annotations

import math
import random
from statistics import linear_regression

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.evaluation.fitting.robust import paces, regress, spread
from labtools.evaluation.statistics import interval

slopes = st.floats(-1e3, 1e3)


def line(points, **options):
    """Intercept and slope, each with its standard error."""
    return regress([(1.0, x) for x, _ in points], [y for _, y in points], **options)


@given(st.lists(st.integers(0, 10_000), min_size=2, unique=True), slopes, slopes)
def test_points_on_a_line_give_the_line(xs, intercept, slope):
    found = line([(x, intercept + slope * x) for x in xs])
    size = abs(intercept) + abs(slope) * max(xs) + 1
    assert found[1].value == pytest.approx(slope, abs=1e-9 * size)
    assert found[0].value == pytest.approx(intercept, abs=1e-9 * size)


def test_a_fifth_of_wild_points_does_not_move_the_line():
    points = [(x, 2 + 3 * x) for x in range(40)]
    points += [(x, 1e6) for x in range(10)]
    intercept, slope = line(points)
    assert slope.value == pytest.approx(3)
    assert intercept.value == pytest.approx(2)


@pytest.mark.parametrize("relative", [False, True])
def test_a_third_of_slow_calls_does_not_move_a_parabola(relative):
    xs = range(500, 4_500, 100)
    rows = [(1.0, x, x * x / 2) for x in xs]
    values = [0.1 + x / 1e4 + x * x / 2e7 for x in xs]
    slow = [4 * value if not place % 3 else value for place, value in enumerate(values)]
    for seen in (values, slow):
        found = [one.value for one in regress(rows, seen, relative=relative)]
        assert found == pytest.approx([0.1, 1e-4, 1e-7], rel=1e-6)


def test_on_normal_errors_the_line_is_as_good_as_least_squares():
    rng, ours, squares = random.Random(1), [], []
    for _ in range(200):
        points = [(x % 10, x % 10 + rng.gauss(0, 1)) for x in range(40)]
        ours.append(line(points)[1].value - 1)
        squares.append(linear_regression(*zip(*points, strict=True)).slope - 1)
    assert math.hypot(*ours) < 1.05 * math.hypot(*squares)


def test_the_standard_errors_of_a_line_are_those_of_its_estimates():
    rng, found = random.Random(2), []
    for _ in range(200):
        found.append(line([(x, 5 + x + rng.gauss(0, 1)) for x in range(60)]))
    for estimates in zip(*found, strict=True):
        errors = [one.error for one in estimates]
        assert spread([one.value for one in estimates]) == pytest.approx(
            sum(errors) / 200, rel=0.25
        )


def test_where_noise_is_a_share_of_the_time_shares_count():
    """Long prompts scatter more than short ones, and short ones tell the overhead."""
    rng, ours, absolute = random.Random(5), [], []
    for _ in range(200):
        xs = [100 * (1 + n % 40) for n in range(80)]
        points = [(x, (0.1 + x / 1e4) * math.exp(rng.gauss(0, 0.1))) for x in xs]
        ours.append(line(points, relative=True)[0])
        absolute.append(line(points)[0].value - 0.1)
    strayed = [one.value - 0.1 for one in ours]
    assert math.hypot(*strayed) < 0.8 * math.hypot(*absolute)
    assert spread(strayed) == pytest.approx(sum(one.error for one in ours) / 200, rel=0.25)


@given(st.lists(st.floats(0.1, 100), min_size=3), st.floats(1e-3, 10))
def test_a_slope_through_the_origin_is_exact_on_exact_data(xs, slope):
    [found] = regress([[x] for x in xs], [slope * x for x in xs])
    assert found.value == pytest.approx(slope)
    assert found.error <= 1e-6 * slope


def test_a_slope_through_the_origin_limits_wild_values_and_keeps_the_mean_of_the_rest():
    rng = random.Random(3)
    met = [0.1 * sum(rng.random() < 1 / 8 for _ in range(7)) for _ in range(2_000)]
    [found] = regress([[7.0]] * 2_000, met)
    assert found.value == pytest.approx(0.1 / 8, rel=0.05)
    [found] = regress([[7.0]] * 2_020, [*met, *[50.0] * 20])
    assert found.value == pytest.approx(0.1 / 8, rel=0.15)


def test_a_known_standard_deviation_says_what_is_wild():
    """Of rows divided by their own, half may be exact and the others are not wild for it."""
    rows = [[1.0]] * 4
    [found] = regress(rows, [0.0, 0.0, 0.0, 2.0], sigma=1.0)
    assert found.value == pytest.approx(0.5)
    [found] = regress(rows, [0.0, 0.0, 0.0, 2.0])
    assert found.value == pytest.approx(0.0, abs=1e-6)


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
    few, many = interval([3.0, 1.0, 2.0]), interval([float(n) for n in range(100)])
    assert (few.low, few.high, round(few.coverage, 9)) == (1.0, 3.0, 0.75)
    assert (many.low, many.high, many.coverage > 0.95) == (39.0, 60.0, True)
