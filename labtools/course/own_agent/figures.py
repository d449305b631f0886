"""The figures on one's own agent: what a session's seconds went to, and runs that were foretold."""

from __future__ import annotations

from collections.abc import Mapping

from labtools.course.own_agent.prediction import Held
from labtools.plots.canvas import (
    DECODE,
    HIGHLIGHT,
    INK,
    REST,
    TOOL,
    TTFT,
    WAITING,
    LabFigure,
    canvas,
    percent,
    require,
)
from labtools.wording import joined, signed_share

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
    require(runs, "run")
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
    require(changes, "change")
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
        axes.set_xlabel("the run, over what was foretold, less 1")
        drawing.key({"foretold for nine in ten": REST, "inside": INK, "outside": HIGHLIGHT})
        return drawing.done(
            f"Runs against what was foretold. {'; '.join(told)}.",
            "Each mark is a run; a cross lies outside the interval. To the left of the line a run "
            "took less than foretold.",
        )
