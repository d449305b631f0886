"""The figures on routing: shares, delivered fixes, routers in seconds, a cascade, a small model."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from labtools.course.routing.router_score import RouterScore
from labtools.course.routing.small_model import ORDERS, SmallModelResults
from labtools.course.verifiers import Outcomes
from labtools.dispatch.routing import break_even_escalation, cascade_s
from labtools.plots.canvas import LabFigure, canvas, percent, require_some
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, MUTED, PAPER, REST, TOOL, WAITING
from labtools.wording import joined


def routed_shares(shares: Mapping[str, float], what: str) -> LabFigure:
    """What share of each quantity belongs to the routed steps, a bar for each quantity."""
    with canvas(height_in=0.9 + 0.42 * len(shares)) as drawing:
        axes = drawing.axes
        for row, share in enumerate(shares.values()):
            drawing.bar(-row, (1, REST, ""))
            drawing.bar(-row, (share, DECODE, ""), end=f"{share:.0%}")
        drawing.rows(list(shares))
        axes.set_xlim(0, 1)
        percent(axes.xaxis)
        axes.set_xlabel(f"share that belongs to {what}")
        told = ", ".join(f"{share:.0%} of {name}" for name, share in shares.items())
        return drawing.done(
            f"The share of {what}: {told}.",
            f"The blue part of each quantity belongs to {what}.",
        )


def delivered(outcomes: Mapping[str, Outcomes], task_s: Mapping[str, float]) -> LabFigure:
    """The tasks that did not end in a right fix, by verifier; `task_s` is their mean time."""
    from matplotlib.ticker import MultipleLocator

    with canvas(height_in=1.1 + 0.5 * len(outcomes)) as drawing:
        axes = drawing.axes
        for row, (name, shares) in enumerate(outcomes.items()):
            drawing.bar(
                -row,
                (shares.wrong, HIGHLIGHT, f"{shares.wrong:.1%}"),
                (shares.handed_over, WAITING, f"{shares.handed_over:.1%}"),
                end=f"{task_s[name]:.1f} s a task",
            )
        drawing.rows(list(outcomes))
        axes.xaxis.set_major_locator(MultipleLocator(0.05))
        percent(axes.xaxis)
        axes.set_xlabel("share of the tasks (the rest end right)")
        drawing.key({"wrong fix, nobody told": HIGHLIGHT, "handed to a person": WAITING})
        told = "; ".join(
            f"with the {name} {shares.wrong:.1%} end in a wrong fix that nobody is told of and "
            f"{shares.handed_over:.1%} are handed to a person, in {task_s[name]:.1f} s a task"
            for name, shares in outcomes.items()
        )
        return drawing.done(
            f"Tasks that do not end in a right fix: {told}.",
            "What goes wrong with each verifier, and how long a task takes.",
        )


def router_seconds(scores: Mapping[str, RouterScore], reference: str) -> LabFigure:
    """Seconds a step of several routers, redone steps included; a line marks `reference`."""
    reference_s = scores[reference].total_s
    with canvas(height_in=1.1 + 0.45 * len(scores)) as drawing:
        axes = drawing.axes
        for row, score in enumerate(scores.values()):
            drawing.bar(-row, (score.call_s, DECODE, ""), (score.redo_s, HIGHLIGHT, ""))
            drawing.label_end(max(score.total_s, reference_s), -row, f"{score.total_s:.2f} s")
        axes.axvline(reference_s, color=INK, linewidth=1, linestyle=(0, (2, 2)))
        drawing.rows(list(scores))
        axes.set_xlabel("mean seconds a step")
        drawing.key({"the calls": DECODE, "redoing what failed": HIGHLIGHT})
        told = "; ".join(
            f"{name} {score.call_s:.2f} s of calls and {score.redo_s:.2f} s of redoing"
            for name, score in scores.items()
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
    require_some(checks_s, "check")
    crossings = {}
    with canvas() as drawing:
        axes = drawing.axes
        for (name, check_s), style in zip(checks_s.items(), ("-", "--", ":"), strict=False):
            ends = [cascade_s(small_s, check_s, big_s, rate) for rate in (0.0, 1.0)]
            axes.plot([0, 1], ends, color=DECODE, linewidth=2, linestyle=style)
            at = break_even_escalation(small_s, check_s, big_s)
            crossings[name] = at
            axes.plot([at], [big_s], "o", color=INK, markersize=5)
            words = textwrap.fill(f"{name}: {at:.0%}", 13)
            if style == "-":
                drawing.note(at, big_s, words, 14, -12, ha="left", va="top")
            else:
                drawing.note(at, big_s, words, -9, 9, ha="right", va="bottom")
        if measured:
            rates, seconds = zip(*measured, strict=True)
            (squares,) = axes.plot(rates, seconds, "s", color=INK, markersize=5, zorder=3)
            squares.set(markerfacecolor=PAPER, clip_on=False)
        axes.axhline(big_s, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        drawing.note(0, big_s, "always big", 4, -3, color=MUTED, va="top")
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1.08 * max(cascade_s(small_s, s, big_s, 1.0) for s in checks_s.values())),
        )
        percent(axes.xaxis)
        axes.set(xlabel="calls that escalate", ylabel="mean seconds a call")
        told = ", ".join(f"{at:.0%} with {name}" for name, at in crossings.items())
        note = " Squares are measured runs." if measured else ""
        return drawing.done(
            f"A cascade's mean latency rises from {small_s:.2f} s with every escalation, by "
            f"{big_s:.2f} s. It passes the {big_s:.2f} s of the big model alone at {told}.",
            f"Right of its dot, a cascade is slower than asking the big model at once.{note}",
        )


def accepted_fixes(results: SmallModelResults) -> LabFigure:
    """The share of the right fixes and of the wrong ones that it accepts, in both orders."""
    with canvas(height_in=3.0) as drawing:
        axes = drawing.axes
        told: list[str] = []
        names: list[str] = []
        for order in ORDERS:
            for right, colour in ((True, TOOL), (False, HIGHLIGHT)):
                row, said = -len(names), results.said_yes(right, order)
                drawing.bar(row, (said.share, colour, ""))
                axes.plot(said.interval, (row, row), color=INK, linewidth=1.5)
                drawing.label_end(said.interval[1], row, f"{said.count} of {said.of}")
                kind = "right" if right else "wrong"
                names.append(f"{kind}, “{order[0]} or {order[1]}”")
                told.append(
                    f"asked for {order[0]} or {order[1]}, it accepts {said.count} of the "
                    f"{said.of} {kind} fixes"
                )
        drawing.rows(names)
        axes.set_xlim(0, 1)
        percent(axes.xaxis)
        axes.set_xlabel("share of the fixes that the model accepts")
        return drawing.done(
            f"Fixes that the small model lets pass: {joined(told)}.",
            "Bars: what was counted. Lines: 95% intervals. A verifier that sees would have long "
            f"upper and short lower bars in each pair. {results.model}, {results.engine}, "
            f"{results.date}.",
        )
