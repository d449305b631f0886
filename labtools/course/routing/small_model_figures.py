"""The figure of what a small real model said of right and of wrong fixes."""

from __future__ import annotations

from labtools.course.routing.small_model import ORDERS, SmallModelResults
from labtools.plots.canvas import HIGHLIGHT, INK, TOOL, LabFigure, canvas, percent
from labtools.wording import joined


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
