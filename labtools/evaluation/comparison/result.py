"""What a comparison finds, as plain values: the nouns of `comparison.json`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import TypeAdapter

from labtools.evaluation.summary.parts import Difference, Part, Stat
from labtools.evaluation.summary.report import Endpoint, Sentence

Format = Literal["labtools-evaluation-comparison/1"]
FORMAT: Format = "labtools-evaluation-comparison/1"
Finding = Literal["slower", "faster", "no difference shown", "too few pairs", "not measured"]


@dataclass(frozen=True, slots=True)
class Against(Part):
    """One endpoint less the first, call by call of the same plan."""

    difference_s: Difference
    relative: float | None
    """The median difference over the first endpoint's p50."""
    relative_low: float | None
    relative_high: float | None
    finding: Finding
    """"slower" and "faster": the interval does not hold 0."""


@dataclass(frozen=True, slots=True)
class Quantity(Part):
    """One quantity in seconds, at every endpoint."""

    axis: str
    what: str
    stats: tuple[Stat, ...]
    """One for each endpoint, in their order."""
    against: tuple[Against, ...]
    """One for each endpoint after the first."""
    independent: bool
    """False for calls that ran side by side: their intervals are too narrow."""


@dataclass(frozen=True, slots=True)
class Fact(Part):
    """A number of each endpoint that has no interval: one block, or a few runs, is one sample."""

    what: str
    unit: Literal["s", "share", "calls"]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class NotCompared(Part):
    """An axis, or a quantity, that was left out, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison(Part):
    """Two endpoints or more, each against the first."""

    format: Format
    endpoints: tuple[Endpoint, ...]
    """Names are made unique."""
    repeats: tuple[str, ...]
    """The command that measures each of them again."""
    warnings: tuple[str, ...]
    """What makes them unequal beyond the endpoints themselves."""
    facts: tuple[Fact, ...]
    quantities: tuple[Quantity, ...]
    not_compared: tuple[NotCompared, ...]
    verdict: tuple[Sentence, ...] = ()


@cache
def _adapter() -> TypeAdapter[Comparison]:
    return TypeAdapter(Comparison)


def to_json(comparison: Comparison) -> str:
    """The comparison as `comparison.json` holds it."""
    return _adapter().dump_json(comparison, indent=1).decode() + "\n"
