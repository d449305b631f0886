"""An axis, as a value: what is sent, what it amounts to, and what is said and drawn of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import Block
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Percentile, Stat, stat
from labtools.plots.bands import Spread
from labtools.plots.canvas import LabFigure

if TYPE_CHECKING:
    from labtools.evaluation.fitting import Fit
    from labtools.evaluation.report import Report

Value = Callable[[Observation], float | None]


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity that endpoints are compared by: of which calls, and what of them."""

    axis: AxisName
    what: str
    value: Value
    label: Label | None = None
    at: tuple[str, float] | None = None
    """Only calls that were made for this value."""
    counts_tokens: bool = False
    independent: bool = True

    def of(self, measured: Measured) -> list[Observation]:
        """Its calls at one endpoint."""
        calls = measured.on(self.axis, self.label)
        return [call for call in calls if self.at is None or call.at[self.at[0]] == self.at[1]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two endpoints are compared on an axis."""

    axis: AxisName
    settings: tuple[str, ...]
    """Those that decide what is sent; the others only decide how often."""
    quantities: Callable[[Sequence[Measured]], Iterable[Compared]]
    by_tools: bool = False
    """Whether tool calls are asked for where tools are known, and something else where not."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an evaluation. The evaluator walks a list of these, and knows nothing else."""

    blocks: Callable[[Settings, Abilities], Iterable[Block]]
    """What is sent."""
    warm_up: Callable[[Settings, Abilities], Iterable[Block]] = lambda settings, abilities: ()
    """What is sent before anything counts."""
    summary: Callable[[Measured, Fit], Mapping[str, Any]] = lambda measured, fit: {}
    """The report's fields, from what was measured and the latency model fitted to it."""
    rules: Sequence[Callable[[Report], str | None]] = ()
    """The sentences of the verdict; None where a rule has nothing to say."""
    stats: Callable[[Report], Mapping[str, Stat]] = lambda report: {}
    """Those whose p95 a reader compares, by the name of their calls."""
    figures: Mapping[str, Callable[[Report], LabFigure | None]] = field(default_factory=dict)
    section: str | None = None
    """The template of its part of the report's page."""
    comparisons: Sequence[Comparison] = ()


def values_of(name: str, axis: AxisName, all_measured: Iterable[Measured]) -> list[float]:
    """All values of this name that the calls of an axis were made for."""
    return sorted({call.at[name] for measured in all_measured for call in measured.on(axis)})


def stat_of(calls: Sequence[Observation], value: Value, *, independent: bool = True) -> Stat:
    """The statistics of one quantity of these calls."""
    failed = sum(call.failed for call in calls)
    return stat(map(value, calls), failed, independent=independent)


def spread(percentile: Percentile) -> Spread:
    """A percentile as figures take it."""
    found = percentile.interval
    return percentile.value, (found.low, found.high) if found else None


def ttft_s(call: Observation) -> float | None:
    """TTFT of a call that ended well."""
    return call.ttft_s


def tpot_s(call: Observation) -> float | None:
    """Time per output token of a call that ended well."""
    return call.tpot_s


def e2e_latency_s(call: Observation) -> float | None:
    """End-to-end latency of a call that ended well."""
    return call.record.e2e_latency_s
