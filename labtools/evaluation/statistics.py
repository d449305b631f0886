"""The statistics of a report: percentiles and paired differences, with their intervals.

Seconds end in `_s`, rates in `_per_s`; None is "there is no such value", and a reason says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ConfigDict

from labtools.model.metrics import TooFewSamples, percentile, percentile_interval, samples_needed
from labtools.plots.intervals import Spread
from labtools.wording import count, duration

ROUNDING_S = 1e-7


class Part:
    """Whatever stands in a report: its docstrings become the schema's descriptions."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Interval(Part):
    """The sorted samples between which the true value lies, whatever the distribution's shape."""

    low: float
    high: float
    coverage: float
    """In what share of such samples it does: at least 0.95."""


@dataclass(frozen=True, slots=True)
class Percentile(Part):
    """A nearest-rank percentile: one of the samples."""

    value: float
    interval: Interval | None
    needed: int | None
    """Where there are too few samples for an interval: how many it takes. Else null."""

    @property
    def spread(self) -> Spread:
        """As figures take it."""
        return self.value, (self.interval.low, self.interval.high) if self.interval else None


@dataclass(frozen=True, slots=True)
class Stat(Part):
    """One quantity in seconds, over a group of calls."""

    samples: int
    """Calls that had a value."""
    failed: int
    """Calls that ended in an error. They are in no percentile."""
    p50: Percentile | None
    p95: Percentile | None
    reason: str | None = None
    """Why there is no percentile."""
    independent: bool = True
    """False for calls that ran side by side and slowed each other. Their intervals are too narrow:
    only a repeated run would be another sample."""


@dataclass(frozen=True, slots=True)
class Difference(Part):
    """The median of paired differences, with the sign test's interval."""

    pairs: int
    dropped: int
    """Pairs of which a call failed, or had no value."""
    median: float | None
    interval: Interval | None
    needed: int | None
    """Where there are too few pairs for an interval: how many it takes. Else null."""

    @property
    def shown(self) -> bool:
        """Whether there is an interval, and 0 lies outside it, by more than instants round by."""
        found = self.interval
        return found is not None and (found.low > ROUNDING_S or found.high < -ROUNDING_S)

    def words(self, noun: str) -> str | None:
        """ "700 ms more (8 rounds: 650 ms to 760 ms)"; "no more" where 0 is in the interval."""
        if self.median is None:
            return None
        size = f"{duration(abs(self.median))} {'more' if self.median > 0 else 'less'}"
        if self.interval is None:
            return f"{size} ({count(self.pairs, noun)}; an interval needs {self.needed})"
        ends = f"{duration(self.interval.low)} to {duration(self.interval.high)}"
        return f"{size if self.shown else 'no more'} ({count(self.pairs, noun)}: {ends})"


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
    there = [value for value in values if value is not None]
    return percentile(there, 0.5) if there else None


def interval(values: Sequence[float], q: float = 0.5) -> Interval:
    """Where the percentile lies, at 95%; of too few values the extremes, at what these reach."""
    found = percentile_interval(values, q)
    if isinstance(found, TooFewSamples):
        return Interval(min(values), max(values), found.best_coverage)
    return Interval(found.low, found.high, found.coverage)


def _percentile(samples: Sequence[float], q: float) -> Percentile:
    value, needed = percentile(samples, q), samples_needed(q)
    if len(samples) < needed:
        return Percentile(value, None, needed)
    return Percentile(value, interval(samples, q), None)
