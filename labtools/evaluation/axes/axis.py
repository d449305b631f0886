"""An axis, as a value: what is sent, what it amounts to, and what is said and drawn of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import AxisName, Block, Label
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Stat, stat
from labtools.plots.canvas import LabFigure

if TYPE_CHECKING:
    from labtools.evaluation.fitting import Fit
    from labtools.evaluation.report import Report

Value = Callable[[Observation], float | None]
"""A quantity of one call; None where it failed, or where nobody can tell."""
Calls = Sequence[Observation]
TTFT: Value = attrgetter("ttft_s")
TPOT: Value = attrgetter("tpot_s")
E2E_LATENCY: Value = attrgetter("e2e_latency_s")
LATENCIES = {"ttft_s": TTFT, "tpot_s": TPOT, "e2e_latency_s": E2E_LATENCY}


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity that endpoints are compared by: of which calls, and what of them."""

    what: str
    """A phrase for sentences, with a place in it for the value that the calls were made for."""
    value: Value
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Pairing:
    """How two endpoints' calls are paired on an axis, and what is compared of the pairs."""

    axis: AxisName
    settings: tuple[str, ...]
    """Those that decide what is sent; the others only decide how often."""
    quantities: Sequence[Compared]
    for_each: str | None = None
    """Compared for each value of this name that calls were made for."""
    by_tools: bool = False
    """Whether tool calls are asked for where tools are known, and something else where not."""
    side_by_side: bool = False
    """Whether calls slow each other, but for those of a single client."""

    def values(self, measured: Sequence[Measured]) -> Sequence[float | None]:
        """What calls were made for at any endpoint, least first; None where that divides none."""
        if self.for_each is None:
            return [None]
        return sorted({value for each in measured for value in each.by(self.axis, self.for_each)})

    def calls(self, measured: Measured, compared: Compared, value: float | None) -> Calls:
        """One endpoint's calls of a quantity that were made for a value."""
        calls, name = measured.on(self.axis, compared.label), self.for_each
        return [call for call in calls if name is None or call.at[name] == value]


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
    pairings: Sequence[Pairing] = ()
    made_for: Mapping[AxisName | Label, str] = field(default_factory=dict)
    """The value of `at` without which a call of an axis, or of a label, cannot be summed up."""


def stat_of(calls: Calls, value: Value, *, independent: bool = True) -> Stat:
    """The statistics of one quantity of these calls."""
    failed = sum(call.failed for call in calls)
    return stat(map(value, calls), failed, independent=independent)


def latencies(calls: Calls, *, independent: bool = True) -> dict[str, Stat]:
    """TTFT, TPOT and end-to-end latency of these calls."""
    return {name: stat_of(calls, v, independent=independent) for name, v in LATENCIES.items()}
