"""Samples in, statistics of the report out; nothing is a number where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labtools.errors import NothingMeasured
from labtools.evaluation.summary.parts import Difference, Interval, Percentile, Stat
from labtools.model.metrics import TooFewSamples, percentile, percentile_interval


def stat(values: Iterable[float | None], failed: int = 0, *, independent: bool = True) -> Stat:
    """p50 and p95 of the calls that have a value. None stands for one that has none."""
    entries = list(values)
    samples = [value for value in entries if value is not None]
    if samples:
        p50, p95 = _percentile(samples, 0.5), _percentile(samples, 0.95)
        return Stat(len(samples), failed, p50, p95, None, independent)
    if not entries:
        reason = "Not measured."
    elif failed:
        reason = f"{failed} of {len(entries)} calls failed, and no other had a value."
    else:
        reason = f"None of {len(entries)} calls had a value."
    return Stat(0, failed, None, None, reason, independent)


def difference(pairs: Iterable[tuple[float | None, float | None]]) -> Difference:
    """First less second, pair by pair."""
    entries = list(pairs)
    values = [a - b for a, b in entries if a is not None and b is not None]
    return median_of(values, dropped=len(entries) - len(values))


def median_of(values: Sequence[float], dropped: int = 0) -> Difference:
    """The median of differences that are there already."""
    if not values:
        return Difference(0, dropped, None, None, None)
    middle = _percentile(values, 0.5)
    return Difference(len(values), dropped, middle.value, middle.interval, middle.needed)


def median(values: Iterable[float | None]) -> float | None:
    """The nearest-rank median of what is there; None of nothing."""
    try:
        return percentile((value for value in values if value is not None), 0.5)
    except NothingMeasured:
        return None


def _percentile(samples: Sequence[float], q: float) -> Percentile:
    value, found = percentile(samples, q), percentile_interval(samples, q)
    if isinstance(found, TooFewSamples):
        return Percentile(value, None, found.needed)
    return Percentile(value, Interval(found.low, found.high, found.coverage), None)
