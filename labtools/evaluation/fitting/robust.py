"""Estimates that a few wild values do not move: lines, slopes, and paces with a tail.

All are exact on exact data: where most points lie on a line, that is the line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median

from labtools.model.metrics import TooFewSamples, percentile_interval

# Of the normal distribution: its standard deviation in median absolute deviations, and how many
# standard deviations enclose 95% of it.
_SIGMA_PER_MAD = 1.4826
Z95 = 1.96
# Residuals beyond this many standard deviations lose weight.
_WILD = 3.5
# What the pace of a tail exceeds that of the body by, at least: less is jitter.
LEAST_TAIL_FACTOR = 1.25
LEAST_TAIL_CALLS = 3


def spread(values: Sequence[float]) -> float:
    """The standard deviation, by the median absolute deviation: half may be wild."""
    centre = median(values)
    return _SIGMA_PER_MAD * median(abs(value - centre) for value in values)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which the median lies, at 95% where there are six values, else the extremes."""
    interval = percentile_interval(values, 0.5)
    if isinstance(interval, TooFewSamples):
        return min(values), max(values)
    return interval.low, interval.high


@dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + slope * x, with standard errors."""

    intercept: float
    slope: float
    intercept_error: float
    slope_error: float


def line(points: Sequence[tuple[float, float]]) -> Line:
    """The straight line through points of at least two different x.

    Theil and Sen: the median of the slopes between all pairs of points, here weighted by their
    distance in x (so it minimises the sum of all differences between residuals: rank regression,
    95% as efficient as least squares on normal errors). A quarter of the points may be wild.
    Preferred to least absolute deviations, which needs a third more calls for the same error.
    """
    slopes = sorted(
        ((b[1] - a[1]) / (b[0] - a[0]), abs(b[0] - a[0]))
        for a, b in combinations(points, 2)
        if a[0] != b[0]
    )
    slope = _weighted_median(slopes)
    intercept = median(y - slope * x for x, y in points)
    centre = fmean(x for x, _ in points)
    sum_of_squares = sum((x - centre) ** 2 for x, _ in points)
    # Where noise is a share of the time, long prompts scatter more than short ones. So each point
    # counts with its own residual (White 1980), wild ones no more than the largest that are not,
    # be that by their size or by their share.
    residuals = [y - intercept - slope * x for x, y in points]
    size = _WILD * spread(residuals)
    shares = [r / y for r, (_, y) in zip(residuals, points, strict=True) if y > 0]
    share = _WILD * spread(shares) if shares else 0.0
    residuals = [
        math.copysign(min(abs(r), max(size, share * y)), r)
        for r, (_, y) in zip(residuals, points, strict=True)
    ]
    pulls = [(x - centre) / sum_of_squares for x, _ in points]
    return Line(
        intercept,
        slope,
        _norm((1 / len(points) - centre * p) * r for p, r in zip(pulls, residuals, strict=True)),
        _norm(p * r for p, r in zip(pulls, residuals, strict=True)),
    )


def _norm(values: Iterable[float]) -> float:
    return math.sqrt(sum(value**2 for value in values))


def _weighted_median(weighted: Sequence[tuple[float, float]]) -> float:
    """Of (value, weight) in ascending order."""
    half, below = sum(weight for _, weight in weighted) / 2, 0.0
    for value, weight in weighted:
        below += weight
        if below >= half:
            return value
    raise ValueError("no values")


def slope_through_origin(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(slope, its standard error) of y = slope * x, for points with x above 0.

    Least squares, but wild residuals count with the weight that makes them no larger than 3.5
    standard deviations (Huber). Unlike a median it keeps the mean of what is not wild: calls that
    meet others by chance on one of several machines are slowed on average.
    """
    slope = median(y / x for x, y in points)
    weights = [1.0] * len(points)
    for _ in range(30):
        residuals = [y - slope * x for x, y in points]
        limit = _WILD * _SIGMA_PER_MAD * median(map(abs, residuals)) + 1e-12
        weights = [min(1.0, limit / abs(r)) if r else 1.0 for r in residuals]
        before, slope = slope, _weighted_slope(points, weights)
        if abs(slope - before) <= 1e-12 * abs(slope):
            break
    scatter = sum((w * x * (y - slope * x)) ** 2 for (x, y), w in zip(points, weights, strict=True))
    error = math.sqrt(scatter) / sum(w * x * x for (x, _), w in zip(points, weights, strict=True))
    return slope, error


def _weighted_slope(points: Sequence[tuple[float, float]], weights: Sequence[float]) -> float:
    pairs = list(zip(points, weights, strict=True))
    return sum(w * x * y for (x, y), w in pairs) / sum(w * x * x for (x, _), w in pairs)


@dataclass(frozen=True, slots=True)
class Paces:
    """The distribution of logarithms of paces: a normal body, and a tail further up."""

    centre: float
    """Mean of the body."""
    sigma: float
    tail_probability: float = 0.0
    tail_shift: float = 0.0
    """By how much the tail's mean is above the body's: the logarithm of its factor."""


def paces(logarithms: Sequence[float], floor: float) -> Paces:
    """Body and tail of these paces. A spread below `floor` is taken for `floor`.

    The body is what lies within 3.5 standard deviations of the median. When at least three values
    lie further up, and above 1.25 times the median, two normal distributions of one width are
    fitted to all by expectation and maximisation; a wider overlap than that is jitter.
    """
    centre, sigma = median(logarithms), max(spread(logarithms), floor)
    body = [x for x in logarithms if abs(x - centre) <= _WILD * sigma]
    centre = fmean(body)
    sigma = max(floor, math.sqrt(fmean((x - centre) ** 2 for x in body)))
    least_shift = max(_WILD * sigma, math.log(LEAST_TAIL_FACTOR))
    far = [x for x in logarithms if x - centre > least_shift]
    if len(far) < LEAST_TAIL_CALLS:
        return Paces(centre, sigma)
    share, shift = len(far) / len(logarithms), median(far) - centre
    near = [x for x in logarithms if x - centre >= -_WILD * sigma]  # wildly fast is neither
    for _ in range(200):
        before = share, shift
        chances = [_chance_of_tail(x - centre, sigma, share, shift) for x in near]
        tail = sum(chances)
        if not 0 < tail < len(near):
            return Paces(centre, sigma)
        share = tail / len(near)
        centre = sum(x * (1 - c) for x, c in zip(near, chances, strict=True)) / (len(near) - tail)
        shift = sum(x * c for x, c in zip(near, chances, strict=True)) / tail - centre
        squares = sum(
            (1 - c) * (x - centre) ** 2 + c * (x - centre - shift) ** 2
            for x, c in zip(near, chances, strict=True)
        )
        sigma = max(floor, math.sqrt(squares / len(near)))
        if max(abs(share - before[0]), abs(shift - before[1])) < 1e-12:
            break
    return Paces(centre, sigma, share, shift)


def _chance_of_tail(x: float, sigma: float, share: float, shift: float) -> float:
    """That a value `x` above the body's mean belongs to the tail."""
    exponent = ((x - shift) ** 2 - x**2) / (2 * sigma**2) + math.log((1 - share) / share)
    return 0.0 if exponent > 700 else 1 / (1 + math.exp(exponent))
