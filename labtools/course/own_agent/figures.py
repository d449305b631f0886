"""Runs of an agent on a real engine, foretold from one trace, and the figures on one's own agent.

`RESULT` is the output of benchmarks/agent_prediction.py; `source` says on what, `profiles` with
which fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import Any

from labtools.course import data
from labtools.plots.canvas import LabFigure, canvas, percent, require_some
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, REST, TOOL, TTFT, WAITING
from labtools.read_back import read_back
from labtools.wording import joined, signed_share


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the changed agent."""

    run: int
    took_s: float
    ttft_s: float
    """Of all its calls together."""
    decode_s: float
    input_tokens: int
    cached_tokens: int
    load: float
    """The machine's load average before it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a change was foretold to take, and what its runs took."""

    levers: str
    run_s: float
    run_low_s: float
    run_high_s: float
    ttft_s: float | None
    """Foretold, of all calls together; None where calls are on several models."""
    decode_s: float | None
    runs: tuple[Run, ...]

    @property
    def took_s(self) -> float:
        """The median."""
        return median(run.took_s for run in self.runs)

    @property
    def errors(self) -> tuple[float, ...]:
        """Of each run: foretold over measured, less 1."""
        return tuple(self.run_s / run.took_s - 1 for run in self.runs)

    @property
    def error(self) -> float:
        """The median of the errors."""
        return median(self.errors)

    def holds(self, run: Run) -> bool:
        """Whether a run is inside the interval."""
        return self.run_low_s <= run.took_s <= self.run_high_s

    @property
    def inside(self) -> int:
        """Runs inside the interval."""
        return sum(map(self.holds, self.runs))


RESULT: dict[str, Any] = data("own_agent/agent_prediction.json")
CHANGES: Mapping[str, Held] = MappingProxyType(
    {
        name: read_back(Held, values, f"agent_prediction.json, {name}")
        for name, values in RESULT["changes"].items()
    }
)


def typical_error() -> float:
    """The median over all runs of how far each was foretold wrong, whichever way."""
    return median(abs(error) for held in CHANGES.values() for error in held.errors)


def inside_share() -> float:
    """Of all runs, those inside their interval."""
    return sum(held.inside for held in CHANGES.values()) / runs()


def runs() -> int:
    """How many there were."""
    return sum(len(held.runs) for held in CHANGES.values())


# An answer whose first token nobody logged is neither TTFT nor decode.
_PARTS = {
    "TTFT": TTFT,
    "decode": DECODE,
    "call": "#56B4E9",
    "tool": TOOL,
    "retry": HIGHLIGHT,
    "human": WAITING,
    "nothing": REST,
}
_WORDS = {"call": "calls, first token not logged", "tool": "tools", "human": "a person"}


def seconds_by_kind(runs: Mapping[str, Mapping[str, float]]) -> LabFigure:
    """A bar for each run: the seconds of its critical path by what they went to."""
    require_some(runs, "run")
    with canvas(height_in=1.3 + 0.5 * len(runs)) as drawing:
        told, shown = [], dict[str, str]()
        for row, (name, path) in enumerate(runs.items()):
            parts = [(path.get(kind, 0.0), colour, "") for kind, colour in _PARTS.items()]
            drawing.bar(-row, *parts, end=f"{sum(path.values()):.1f} s")
            shown |= {_WORDS.get(kind, kind): _PARTS[kind] for kind in path}
            words = joined(f"{_WORDS.get(kind, kind)} {s:.1f} s" for kind, s in path.items())
            told.append(f"{name}: {words}")
        drawing.rows(list(runs))
        drawing.axes.set_xlabel("seconds of the critical path")
        drawing.key(shown)
        return drawing.done(
            f"Where the seconds went. {'; '.join(told)}.",
            "The critical path: what the run's end waited for, each second once.",
        )


def runs_against_foretold(changes: Mapping[str, Held]) -> LabFigure:
    """Each run's seconds over those foretold, less 1, on the interval that was foretold."""
    require_some(changes, "change")
    with canvas(height_in=1.3 + 0.55 * len(changes)) as drawing:
        axes, told = drawing.axes, []
        axes.axvline(0, color=INK, linewidth=1)
        for row, (name, held) in enumerate(changes.items()):
            low, high = (s / held.run_s - 1 for s in (held.run_low_s, held.run_high_s))
            axes.barh(-row, high - low, left=low, height=0.5, color=REST)
            took = [run.took_s / held.run_s - 1 for run in held.runs]
            for run, x in zip(held.runs, took, strict=True):
                marker, colour = ("o", INK) if held.holds(run) else ("X", HIGHLIGHT)
                axes.plot(x, -row, marker, color=colour, alpha=0.75, markersize=6)
            told.append(
                f"{name}: {held.inside} of {len(held.runs)} runs inside, from "
                f"{signed_share(min(took))} to {signed_share(max(took))}"
            )
        drawing.rows([name.replace(", ", ",\n") for name in changes])
        percent(axes.xaxis)
        axes.set_xlabel("how much longer the run took than foretold")
        drawing.key({"foretold for nine in ten": REST, "inside": INK, "outside": HIGHLIGHT})
        return drawing.done(
            f"Runs against what was foretold. {'; '.join(told)}.",
            "Each mark is a run; a cross lies outside the interval. To the left of the line a run "
            "took less than foretold.",
        )
