"""Estimates that a few wild values do not move: one regression, medians, and how calls differ.

The regression and the medians are exact on exact data: where most points lie on a plane, that is
the plane. Jitter and tail are how much calls differ that ought to be alike: a call's pace is what
it took to its last token, less the round trip, over what the profile says. Paces are lognormal with
mean 1, times a factor with some probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labtools.evaluation.fitting.result import Parameter, not_probed
from labtools.model.metrics import Z95, share_interval

# Of the normal distribution: its standard deviation in median absolute deviations.
_SIGMA_PER_MAD = 1.4826
# Residuals beyond this many standard deviations lose weight.
WILD = 3.5


def spread(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The standard deviation, by the median absolute deviation: half may be wild."""
    found = np.asarray(values, float)
    return _SIGMA_PER_MAD * float(np.median(np.abs(found - np.median(found))))


@dataclass(frozen=True, slots=True)
class Estimate:
    """One coefficient with its standard error."""

    value: float
    error: float

    @property
    def low(self) -> float:
        return self.value - Z95 * self.error

    @property
    def high(self) -> float:
        return self.value + Z95 * self.error


def regress(
    rows: ArrayLike, values: ArrayLike, *, relative: bool = False, sigma: float | None = None
) -> list[Estimate]:
    """The coefficients of each column of `rows`, so that they add up to `values`.

    Least absolute deviations first, which a third of wild values does not move; from there least
    squares in which residuals beyond 3.5 standard deviations count with the weight that makes them
    no larger (Huber): as good as least squares on normal errors, and it keeps the mean of what is
    not wild. Theil and Sen's line is as robust, but takes one column. `relative`: residuals count
    as shares of what is expected, for a slow call is slow throughout. `sigma`: the standard
    deviation, where it is known, as it is of rows that were divided by theirs.
    """
    table, seen = np.asarray(rows, float), np.asarray(values, float)
    largest = np.abs(table).max(axis=0)  # so that lstsq sees columns of one size
    largest[largest == 0] = 1.0
    table = table / largest
    least = max(1e-12, float(seen.min())) if relative else 1.0
    tiny = 1e-14 * (float(np.abs(seen).max()) / least + 1e-200)
    unit, weights = np.full(len(seen), least), np.ones(len(seen))
    for huber in (False, True) if sigma is None else (True,):
        found = np.full(table.shape[1], np.nan)
        for _ in range(60):
            roots, before = np.sqrt(weights) / unit, found
            found = np.linalg.lstsq(table * roots[:, None], seen * roots, rcond=None)[0]
            if relative:
                unit = np.maximum(table @ found, least)
            sizes = np.abs(seen - table @ found) / unit
            limit = tiny + (WILD * (sigma or 0.0) if huber else float(np.median(sizes)) / 99)
            weights = limit / np.maximum(sizes, limit)
            if np.allclose(found, before, rtol=1e-12, atol=0.0):
                break
        if not huber:  # of the points that it was not laid through
            sigma = _SIGMA_PER_MAD * float(np.median(np.sort(sizes)[min(table.shape) - 1 :]))
    errors = _standard_errors(table / unit[:, None], (seen - table @ found) / unit, weights)
    return [
        Estimate(float(value), float(error))
        for value, error in zip(found / largest, errors / largest, strict=True)
    ]


def _standard_errors(
    rows: NDArray[np.float64], residuals: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The larger of two: all points scatter alike, or each as it does (White 1980).

    Where noise is no share of the time the first is wrong, and where one point alone holds the
    line the second.
    """
    roots = np.sqrt(weights)
    pulls = np.linalg.pinv(rows * roots[:, None])
    many = len(residuals) / max(1, len(residuals) - rows.shape[1])
    alike = np.mean((roots * residuals) ** 2) * np.sum(pulls**2, axis=1)
    each = np.sum((pulls * roots * residuals) ** 2, axis=1)
    found: NDArray[np.float64] = np.sqrt(many * np.maximum(alike, each))
    return found


SIGMA, PROBABILITY, FACTOR = "jitter_sigma", "tail_probability", "tail_factor"
_LEAST_CALLS = 6
# What the pace of a tail exceeds that of the body by, at least: less is jitter.
_LEAST_FACTOR = 1.25
_LEAST_TAIL_CALLS = 3


@dataclass(frozen=True, slots=True)
class Paces:
    """The distribution of logarithms of paces: a normal body, and a tail further up."""

    centre: float = 0.0
    """Mean of the body."""
    sigma: float = 0.0
    tail_probability: float = 0.0
    tail_shift: float = 0.0
    """By how much the tail's mean is above the body's: the logarithm of its factor."""
    calls: int = 0

    @property
    def slower(self) -> float:
        """What the body's mean pace is, which the model has at 1."""
        return math.exp(self.centre + self.sigma**2 / 2)

    @property
    def error(self) -> float:
        """95% of the times, the mean is within this share of the true one."""
        return math.expm1(Z95 * self.sigma / math.sqrt(self.calls)) if self.calls else 0.0


NO_JITTER = Paces()


def fit_jitter(logarithms: Sequence[float], floor: float) -> tuple[Paces, list[Parameter]]:
    """Jitter and tail of these logarithms of paces; a spread below `floor` is noise."""
    count = len(logarithms)
    if count < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} lone streams with their tokens"
        return NO_JITTER, [not_probed(name, needed) for name in (SIGMA, PROBABILITY, FACTOR)]
    found = paces(logarithms, floor)
    sigma = found.sigma if found.sigma > floor else 0.0
    tailed = math.exp(found.tail_shift) >= _LEAST_FACTOR
    tail = (found.tail_probability, found.tail_shift) if tailed else (0.0, 0.0)
    kept = Paces(found.centre, sigma, *tail, calls=count)
    how = f"Spread of the paces of {count} lone calls, whole calls over what the profile says"
    if sigma:
        error = Z95 * sigma / math.sqrt(2 * count)
        bounds = max(0.0, sigma - error), sigma + error
        jitter = Parameter(SIGMA, sigma, "measured", f"{how}.", *bounds)
    else:
        jitter = Parameter(SIGMA, 0.0, "absent", f"{how}: no more than the noise.", 0.0, floor)
    return kept, [jitter, *(_tail(found, count) if tailed else _no_tail(count))]


def _tail(found: Paces, count: int) -> list[Parameter]:
    share, how = found.tail_probability, f"Paces of {count} lone calls as two lognormals, by EM."
    error = Z95 * found.sigma / math.sqrt(share * count)
    factor, low, high = (math.exp(found.tail_shift + e) for e in (0.0, -error, error))
    return [
        Parameter(PROBABILITY, share, "measured", how, *share_interval(share, count)),
        Parameter(FACTOR, factor, "measured", how, low, high),
    ]


def _no_tail(count: int) -> list[Parameter]:
    how = f"Fewer than three of {count} lone calls were slower than jitter and noise explain."
    # Hanley's rule: nothing in n calls, so at most 3/n of them.
    return [
        Parameter(PROBABILITY, 0.0, "absent", how, 0.0, min(1.0, 3 / count)),
        Parameter(FACTOR, 1.0, "absent", how),
    ]


def paces(logarithms: Sequence[float], floor: float) -> Paces:
    """Body and tail of these paces. A spread below `floor` is taken for `floor`.

    The body is what lies within 3.5 standard deviations of the median. When at least three values
    lie further up, and above 1.25 times the median, two normal distributions of one width are
    fitted to all by expectation and maximisation; a wider overlap than that is jitter.
    """
    values = np.asarray(logarithms, float)
    centre, sigma = float(np.median(values)), max(spread(values), floor)
    body = values[np.abs(values - centre) <= WILD * sigma]
    centre, sigma = float(body.mean()), max(floor, float(body.std()))
    far = values[values - centre > max(WILD * sigma, math.log(_LEAST_FACTOR))]
    if len(far) < _LEAST_TAIL_CALLS:
        return Paces(centre, sigma)
    share, shift = len(far) / len(values), float(np.median(far)) - centre
    near = values[values - centre >= -WILD * sigma]  # wildly fast is neither
    for _ in range(200):
        before, x = (share, shift), near - centre
        exponents = ((x - shift) ** 2 - x**2) / (2 * sigma**2) + math.log((1 - share) / share)
        chances = 1 / (1 + np.exp(np.minimum(exponents, 700.0)))
        tail = float(chances.sum())
        if not 0 < tail < len(near):
            return Paces(centre, sigma)
        share = tail / len(near)
        centre = float(near @ (1 - chances)) / (len(near) - tail)
        shift = float(near @ chances) / tail - centre
        x = near - centre
        squares = (1 - chances) @ x**2 + chances @ (x - shift) ** 2
        sigma = max(floor, math.sqrt(squares / len(near)))
        if max(abs(share - before[0]), abs(shift - before[1])) < 1e-12:
            break
    return Paces(centre, sigma, share, shift)
