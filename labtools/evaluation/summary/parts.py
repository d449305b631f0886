"""The nouns that every part of a report is made of: percentiles, differences, their intervals.

Seconds end in `_s`, rates in `_per_s`; None is "there is no such value", and a reason says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict


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
        """Whether there is an interval, and 0 lies outside it."""
        return self.interval is not None and not self.interval.low <= 0 <= self.interval.high
