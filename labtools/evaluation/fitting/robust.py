"""Estimates that a few wild values do not move: one regression, medians and their intervals.

All are exact on exact data: where most points lie on a plane, that is the plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labtools.model.metrics import TooFewSamples, percentile_interval

# Of the normal distribution: its standard deviation in median absolute deviations, and how many
# standard deviations enclose 95% of it.
_SIGMA_PER_MAD = 1.4826
Z95 = 1.96
# Residuals beyond this many standard deviations lose weight.
WILD = 3.5


def spread(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The standard deviation, by the median absolute deviation: half may be wild."""
    found = np.asarray(values, float)
    return _SIGMA_PER_MAD * float(np.median(np.abs(found - np.median(found))))


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which the median lies, at 95% where there are six values, else the extremes."""
    interval = percentile_interval(values, 0.5)
    if isinstance(interval, TooFewSamples):
        return min(values), max(values)
    return interval.low, interval.high


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
