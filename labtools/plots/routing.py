"""The figures of Chapter 3: shares, delivered fixes, routers in seconds, a cascade's latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from labtools.dispatch.routing import break_even_escalation, cascade_s
from labtools.errors import NothingMeasured
from labtools.plots.canvas import (
    DECODE,
    HIGHLIGHT,
    INK,
    MUTED,
    PAPER,
    WAITING,
    LabFigure,
    canvas,
    key,
)
from labtools.studies.router_score import RouterScore
from labtools.studies.verifiers import Outcomes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REST = "#DDDDDD"


def routed_shares(shares: Mapping[str, float], what: str) -> LabFigure:
    """What share of each quantity belongs to the routed steps, a bar for each quantity."""
    with canvas(height_in=0.9 + 0.42 * len(shares)) as drawing:
        axes = drawing.axes
        for row, share in enumerate(shares.values()):
            axes.barh(-row, share, height=0.55, color=DECODE)
            axes.barh(-row, 1 - share, left=share, height=0.55, color=_REST)
            axes.text(share + 0.015, -row, f"{share:.0%}", va="center")
        _rows(axes, list(shares))
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel(f"share that belongs to {what}")
        told = ", ".join(f"{share:.0%} of {name}" for name, share in shares.items())
        return drawing.done(
            f"The share of {what}: {told}.",
            f"The blue part belongs to {what}. Many calls, little time.",
        )


def delivered(outcomes: Mapping[str, Outcomes], task_s: Mapping[str, float]) -> LabFigure:
    """The tasks that did not end in a right fix, by verifier; `task_s` is their mean time."""
    from matplotlib.ticker import MultipleLocator

    most = max(shares.wrong + shares.handed_over for shares in outcomes.values())
    with canvas(height_in=1.1 + 0.5 * len(outcomes)) as drawing:
        axes = drawing.axes
        for row, (name, shares) in enumerate(outcomes.items()):
            left = 0.0
            for share, colour in ((shares.wrong, HIGHLIGHT), (shares.handed_over, WAITING)):
                axes.barh(-row, share, left=left, height=0.55, color=colour)
                if share > 0.1 * most:
                    axes.text(left + share / 2, -row, f"{share:.1%}", ha="center", va="center")
                left += share
            axes.text(left + most * 0.02, -row, f"{task_s[name]:.1f} s a task", va="center")
        _rows(axes, list(outcomes))
        axes.set_xlim(0, most * 1.35)
        axes.xaxis.set_major_locator(MultipleLocator(0.05))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("share of the tasks; the rest end in a right fix")
        key(axes, {"wrong fix, nobody told": HIGHLIGHT, "handed to a person": WAITING})
        told = "; ".join(
            f"with the {name} {shares.wrong:.1%} end in a wrong fix that nobody is told of and "
            f"{shares.handed_over:.1%} are handed to a person, in {task_s[name]:.1f} s a task"
            for name, shares in outcomes.items()
        )
        return drawing.done(
            f"Tasks that do not end in a right fix: {told}.",
            "What goes wrong with each verifier. The faster row delivers more wrong fixes.",
        )


def router_seconds(scores: Mapping[str, RouterScore], reference: str) -> LabFigure:
    """Seconds a step of several routers, redone steps included; a line marks `reference`."""
    longest_s = max(one.total_s for one in scores.values())
    reference_s = scores[reference].total_s
    with canvas(height_in=1.1 + 0.45 * len(scores)) as drawing:
        axes = drawing.axes
        for row, one in enumerate(scores.values()):
            axes.barh(-row, one.call_s, height=0.55, color=DECODE)
            axes.barh(-row, one.redo_s, left=one.call_s, height=0.55, color=HIGHLIGHT)
            axes.text(
                max(one.total_s, reference_s) + longest_s * 0.015,
                -row,
                f"{one.total_s:.2f} s",
                va="center",
            )
        axes.axvline(reference_s, color=INK, linewidth=1, linestyle=(0, (2, 2)))
        _rows(axes, list(scores))
        axes.set_xlim(0, longest_s * 1.15)
        axes.set_xlabel("mean seconds a step")
        key(axes, {"the calls": DECODE, "redoing what failed": HIGHLIGHT})
        told = "; ".join(
            f"{name} {one.call_s:.2f} s of calls and {one.redo_s:.2f} s of redoing"
            for name, one in scores.items()
        )
        return drawing.done(
            f"Mean seconds a step by router: {told}.",
            f"The dashed line is {reference}: a router has to end left of it.",
        )


def cascade_latency(
    small_s: float,
    big_s: float,
    checks_s: Mapping[str, float],
    measured: Sequence[tuple[float, float]] = (),
) -> LabFigure:
    """A cascade's mean latency by escalation rate, for each check, against the big model alone.

    `measured` are (escalation rate, seconds) of runs with the first check.
    """
    if not checks_s:
        raise NothingMeasured("There is no check to draw. Name at least one, with its seconds.")
    crossings = {}
    with canvas() as drawing:
        axes = drawing.axes
        for (name, check_s), style in zip(checks_s.items(), ("-", "--", ":"), strict=False):
            ends = [cascade_s(small_s, check_s, big_s, rate) for rate in (0.0, 1.0)]
            axes.plot([0, 1], ends, color=DECODE, linewidth=2, linestyle=style)
            at = break_even_escalation(small_s, check_s, big_s)
            crossings[name] = at
            axes.plot([at], [big_s], "o", color=INK, markersize=5)
            below = style == "-"
            axes.annotate(
                f"{name}: {at:.0%}",
                (at, big_s),
                textcoords="offset points",
                xytext=(9, -15) if below else (-9, 9),
                ha="left" if below else "right",
            )
        if measured:
            rates, seconds = zip(*measured, strict=True)
            (squares,) = axes.plot(rates, seconds, "s", color=INK, markersize=5, zorder=3)
            squares.set(markerfacecolor=PAPER, clip_on=False)
        axes.axhline(big_s, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        axes.text(0.99, big_s, "always big", color=MUTED, ha="right", va="bottom")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.08 * max(cascade_s(small_s, s, big_s, 1.0) for s in checks_s.values()))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("calls that escalate")
        axes.set_ylabel("mean seconds a call")
        told = ", ".join(f"{at:.0%} with {name}" for name, at in crossings.items())
        note = " Squares are measured runs." if measured else ""
        return drawing.done(
            f"A cascade's mean latency rises from {small_s:.2f} s with every escalation, by "
            f"{big_s:.2f} s. It passes the {big_s:.2f} s of the big model alone at {told}.",
            f"Right of its dot, a cascade is slower than asking the big model at once.{note}",
        )


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks([-row for row in range(len(names))], names)
