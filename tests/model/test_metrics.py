"""Each statistic against a closed form, a brute-force search or a simulation."""

import math
import random
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.errors import ConfigurationError, NothingMeasured
from labtools.model.metrics import (
    PercentileInterval,
    TooFewSamples,
    amdahl_speedup,
    chance_one_exceeds,
    interval_coverage,
    percentile,
    percentile_interval,
    samples_needed,
)

latencies = st.floats(min_value=0, max_value=1e6)
shares = st.integers(1, 999).map(lambda thousandths: thousandths / 1000)


def exact_coverage(n: int, q: Fraction, low: int, high: int) -> Fraction:
    """P(low <= K <= high - 1), K binomial(n, q), term by term in fractions."""
    return sum(
        (math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(low, high)), start=Fraction(0)
    )


def ranks(n: int, q: float, confidence: float = 0.95) -> tuple[int, int]:
    interval = percentile_interval(range(1, n + 1), q, confidence)
    assert isinstance(interval, PercentileInterval)
    return interval.low_rank, interval.high_rank


# percentile


@given(st.lists(latencies, min_size=1), shares)
def test_a_percentile_is_the_smallest_value_with_enough_at_or_below(values, q):
    found = percentile(values, q)
    enough = [
        value
        for value in values
        if Fraction(sum(other <= value for other in values), len(values)) >= Fraction(str(q))
    ]
    assert found == min(enough)


def test_a_share_means_what_is_written_not_its_nearest_float():
    assert 0.07 * 100 > 7  # so that a rank taken from the product would be 8
    assert percentile(range(1, 101), 0.07) == 7


def test_p95_of_1_to_100_is_95():
    assert percentile(range(1, 101), 0.95) == 95


def test_a_percentile_of_nothing_is_an_error():
    with pytest.raises(NothingMeasured, match="no values"):
        percentile([], 0.5)
    with pytest.raises(NothingMeasured, match=r"no values.*at least 59"):
        percentile_interval([], 0.95)


@pytest.mark.parametrize("q", [0, 1, -0.1, 95, math.nan, math.inf])
def test_a_percentile_outside_0_to_1_is_refused(q):
    message = rf"q is {q!r}.*between 0 and 1"
    with pytest.raises(ConfigurationError, match=message):
        percentile([1.0], q)
    with pytest.raises(ConfigurationError, match=message):
        percentile_interval([1.0], q)
    with pytest.raises(ConfigurationError, match=message):
        samples_needed(q)
    with pytest.raises(ConfigurationError, match=message):
        chance_one_exceeds(3, q)


def test_a_confidence_outside_0_to_1_is_refused():
    with pytest.raises(ConfigurationError, match="confidence is 95"):
        percentile_interval([1.0], 0.5, confidence=95)


@pytest.mark.parametrize("bad", [None, math.nan, "1.0", True])
def test_what_is_no_number_is_refused_by_its_place(bad):
    with pytest.raises(ConfigurationError, match=rf"Value 2 of 3 is {bad!r}"):
        percentile([1.0, 2.0, bad], 0.5)
    with pytest.raises(ConfigurationError, match=rf"Value 2 of 3 is {bad!r}"):
        percentile_interval([1.0, 2.0, bad], 0.5)


# interval


@pytest.mark.parametrize(
    ("n", "q", "low", "high", "coverage"),
    [
        (59, 0.95, 50, 59, 0.951),
        (100, 0.95, 90, 99, 0.951),
        (200, 0.95, 183, 196, 0.961),
        (50, 0.5, 18, 33, 0.967),
    ],
)
def test_published_intervals(n, q, low, high, coverage):
    interval = percentile_interval(range(1, n + 1), q)
    assert isinstance(interval, PercentileInterval)
    assert (interval.low_rank, interval.high_rank) == (low, high)
    assert (interval.low, interval.high) == (low, high)
    assert interval.coverage == pytest.approx(coverage, abs=0.0005)


def test_fifty_samples_cannot_bound_a_p95():
    found = percentile_interval(range(50), 0.95)
    assert isinstance(found, TooFewSamples)
    assert (found.samples, found.needed) == (50, 59)
    assert found.best_coverage == pytest.approx(1 - 0.95**50)
    assert round(found.best_coverage, 3) == 0.923
    assert round(interval_coverage(50, 0.95, 44, 50), 3) == 0.911


@given(st.integers(1, 90), shares, st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_no_shorter_interval_reaches_the_confidence(n, q, confidence):
    share = Fraction(str(q))
    hit, of = share.as_integer_ratio()
    # In whole numbers, each the chance times of**n.
    terms = (math.comb(n, k) * hit**k * (of - hit) ** (n - k) for k in range(n + 1))
    below = [0, *accumulate(terms)]
    wanted = math.ceil(Fraction(str(confidence)) * of**n)
    reaching = [
        (low, high)
        for low in range(1, n + 1)
        for high in range(low + 1, n + 1)
        if below[high] - below[low] >= wanted
    ]
    found = percentile_interval([float(rank) for rank in range(1, n + 1)], q, confidence)
    if not reaching:
        assert isinstance(found, TooFewSamples)
        return
    assert isinstance(found, PercentileInterval)
    shortest = min(high - low for low, high in reaching)
    low, high = min(pair for pair in reaching if pair[1] - pair[0] == shortest)
    assert (found.low_rank, found.high_rank) == (low, n + 1 - low if q == 0.5 else high)
    assert found.coverage == pytest.approx(
        float(exact_coverage(n, share, found.low_rank, found.high_rank)), abs=1e-9
    )


@given(st.integers(2, 400))
def test_the_interval_of_a_median_is_symmetric(n):
    found = percentile_interval(range(n), 0.5)
    if isinstance(found, PercentileInterval):
        assert found.low_rank + found.high_rank == n + 1


@pytest.mark.parametrize(("n", "q"), [(59, 0.95), (100, 0.95), (50, 0.5), (40, 0.9)])
def test_the_stated_share_of_intervals_holds_the_true_percentile(n, q):
    # Of uniform samples the percentile q is q, whatever n.
    rng, trials = random.Random(7), 4000
    low, high = ranks(n, q)
    coverage = interval_coverage(n, q, low, high)
    held = 0
    for _ in range(trials):
        found = percentile_interval((rng.random() for _ in range(n)), q)
        assert isinstance(found, PercentileInterval)
        held += found.low <= q <= found.high
    standard_error = math.sqrt(coverage * (1 - coverage) / trials)
    assert held / trials == pytest.approx(coverage, abs=4 * standard_error)


def test_many_samples_neither_overflow_nor_crawl():
    found = percentile_interval(range(100_000), 0.99)
    assert isinstance(found, PercentileInterval)
    # The normal approximation: 2 * 1.96 * sqrt(n q (1 - q)) ranks.
    assert found.high_rank - found.low_rank == pytest.approx(
        2 * 1.96 * math.sqrt(100_000 * 0.99 * 0.01), rel=0.02
    )


@pytest.mark.parametrize("pair", [(0, 5), (6, 5), (5, 11)])
def test_ranks_outside_the_sample_are_refused(pair):
    with pytest.raises(ConfigurationError, match="not two of 10 samples"):
        interval_coverage(10, 0.5, *pair)


# samples_needed, chance_one_exceeds


@given(shares, st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_one_sample_fewer_has_no_interval(q, confidence):
    share, wanted = Fraction(str(q)), Fraction(str(confidence))

    def best(n: int) -> Fraction:
        return 1 - share**n - (1 - share) ** n

    needed = samples_needed(q, confidence)
    assert best(needed) >= wanted > best(needed - 1)


def test_published_sample_sizes():
    assert samples_needed(0.95) == 59
    assert samples_needed(0.99) == 299
    assert isinstance(percentile_interval(range(58), 0.95), TooFewSamples)
    assert isinstance(percentile_interval(range(59), 0.95), PercentileInterval)


@pytest.mark.parametrize(("n", "percent"), [(8, 34), (20, 64), (40, 87)])
def test_published_chances_of_a_slow_call(n, percent):
    assert round(100 * chance_one_exceeds(n, 0.95)) == percent


def test_no_calls_never_exceed():
    assert chance_one_exceeds(0, 0.95) == 0
    with pytest.raises(ConfigurationError, match="is -1"):
        chance_one_exceeds(-1, 0.95)


# amdahl_speedup


@pytest.mark.parametrize(
    ("share", "factor", "side", "speedup"),
    [
        (0.60, 3, "slow", 1.67),
        (0.75, 4, "slow", 2.29),
        (0.60, 3, "fast", 2.20),
        (0.75, 4, "fast", 3.25),
    ],
)
def test_published_speedups(share, factor, side, speedup):
    assert round(amdahl_speedup(share, factor, side), 2) == speedup


@given(
    st.floats(min_value=0.001, max_value=1e4),
    st.floats(min_value=0.001, max_value=1e4),
    st.floats(min_value=0.01, max_value=100),
)
def test_both_sides_tell_of_the_same_two_runs(part_s, rest_s, factor):
    slow_s, fast_s = part_s + rest_s, part_s / factor + rest_s
    truth = pytest.approx(slow_s / fast_s)
    assert amdahl_speedup(part_s / slow_s, factor, "slow") == truth
    assert amdahl_speedup(part_s / factor / fast_s, factor, "fast") == truth


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.2, 3), r"share is 1\.2"),
        ((math.nan, 3), "share is nan"),
        ((0.5, 0), "factor is 0"),
        ((0.5, math.inf), "factor is inf"),
        ((0.5, 3, "both"), r"'both'.*'slow', 'fast'"),
    ],
)
def test_speedups_that_mean_nothing_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        amdahl_speedup(*arguments)
