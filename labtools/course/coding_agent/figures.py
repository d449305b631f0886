"""The figures on the coding agent: a run step by step, backends, what the switches save."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labtools.clock import elapsed_s
from labtools.errors import NothingMeasured
from labtools.lab.spans import in_order
from labtools.lab.waits import Order
from labtools.plots.canvas import Canvas, LabFigure, canvas
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, MUTED, PAPER, TOOL, TTFT, WAITING
from labtools.plots.timeline import span_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from labtools.lab.trace import Trace

_OFF_PATH_ALPHA = 0.3
# Behind a text that a line would cross.
_COVER = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}


def steps_over_time(trace: Trace, title: str = "") -> LabFigure:
    """A row for each step that took time; what is not on the critical path is pale."""
    spans = [
        span
        for span in in_order(trace.spans)
        if span.kind != "group" and span.duration_s > 0.002 * trace.duration_s
    ]
    if not spans:
        raise NothingMeasured("There is nothing to draw: no step of this run took time.")
    order = Order(spans, trace.started_at, trace.ended_at)
    path = [stretch.span for stretch in order.critical_path() if stretch.span]
    on_path = {span.id for span in path}
    with canvas(height_in=1.2 + 0.3 * len(spans)) as drawing:
        axes = drawing.axes
        for row, span in enumerate(spans):
            alpha = 1.0 if span.id in on_path else _OFF_PATH_ALPHA
            look = {"height": 0.66, "alpha": alpha, "linewidth": 0}
            span_bar(axes, -row, span, trace.started_at, **look)
            drawing.label_end(
                elapsed_s(trace.started_at, span.ended_at),
                -row,
                f"{span.duration_s:.2f}",
                fontsize=10,
                color=INK if span.id in on_path else MUTED,
            )
        _rows(drawing, [span.name for span in spans])
        axes.set_xlabel("seconds since the start of the run")
        drawing.key({"TTFT": TTFT, "decode": DECODE, "tests": TOOL}, title)
        off = [f"{span.name} {span.duration_s:.2f} s" for span in spans if span.id not in on_path]
        told = ", ".join(f"{span.name} {span.duration_s:.2f} s" for span in path)
        pale = f" Not on it: {', '.join(off)}." if off else " Every step is on it."
        return drawing.done(
            f"Steps of a run of {trace.duration_s:.2f} seconds. The critical path: {told}.{pale}",
            (f"{title}. " if title else "")
            + (
                "Pale steps are not on the critical path: the run would end no sooner without them."
                if off
                else "Every step is on the critical path."
            ),
        )


def backends(traces: Mapping[str, Trace], marks: Mapping[float, str]) -> LabFigure:
    """Seconds of TTFT, decode and tests, a bar for each run; `marks` are seconds to compare."""
    with canvas(height_in=1.4 + 0.42 * len(traces)) as drawing:
        axes, told = drawing.axes, []
        for row, (name, trace) in enumerate(traces.items()):
            ttft_s = sum(call.ttft_s or 0 for call in trace.calls)
            decode_s = sum(call.decode_s or 0 for call in trace.calls)
            parts = ((ttft_s, TTFT, ""), (decode_s, DECODE, ""), (trace.tool_s, TOOL, ""))
            drawing.bar(-row, *parts, height=0.62)
            end_s = sum(seconds for seconds, *_ in parts)
            drawing.label_end(end_s, -row, f"{trace.duration_s:.1f} s", bbox=_COVER)
            told.append(f"{' '.join(name.split())} {trace.duration_s:.1f} s")
        for seconds, label in marks.items():
            axes.axvline(seconds, color=MUTED, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
            axes.text(
                seconds,
                -len(traces) + 0.3,
                label,
                color=MUTED,
                ha="center",
                va="center",
                bbox=_COVER,
            )
        _rows(drawing, list(traces))
        axes.set(ylim=(-len(traces) - 0.1, 0.6), xlabel="seconds for the whole run")
        drawing.key({"TTFT": TTFT, "decode": DECODE, "tests": TOOL})
        return drawing.done(
            f"Seconds for the whole run: {', '.join(told)}.",
            "The same agent on three backends, with one attempt and with two. The tests take "
            "the same time on each.",
        )


def savings(alone_s: Mapping[str, float], together_s: float) -> LabFigure:
    """What each switch saves alone, their sum, and what all of them save together."""
    sum_s = sum(alone_s.values())
    rows = {**alone_s, "sum of the parts": sum_s, "all together": together_s}
    colours = [DECODE] * len(alone_s) + [WAITING, HIGHLIGHT]
    with canvas(height_in=0.9 + 0.4 * len(rows)) as drawing:
        for row, (seconds, colour) in enumerate(zip(rows.values(), colours, strict=True)):
            drawing.bar(-row, (seconds, colour, ""), end=f"{seconds:.2f} s", height=0.6)
        _rows(drawing, list(rows))
        drawing.axes.set_xlabel("seconds saved in one pass")
        told = ", ".join(f"{_one_line(name)} {seconds:.3f} s" for name, seconds in rows.items())
        return drawing.done(
            f"Seconds saved in one pass: {told}.",
            f"Switched on alone they save {sum_s:.2f} s in all; together {together_s:.2f} s.",
        )


def overlaps(alone_s: Mapping[str, float], pairs_s: Mapping[frozenset[str], float]) -> LabFigure:
    """What each pair of switches saves, and how much less that is than its parts alone."""
    names = list(alone_s)
    with canvas(height_in=0.6 + 0.62 * len(names)) as drawing:
        axes, told = drawing.axes, []
        for row, name in enumerate(names[1:], start=1):
            for column, other in enumerate(names[:row]):
                saved_s = pairs_s[frozenset((name, other))]
                lost_s = alone_s[name] + alone_s[other] - saved_s
                overlap = lost_s > 0.0005
                _cell(axes, column, row, HIGHLIGHT if overlap else "#E5E5E5")
                text = f"{saved_s:.2f}" + (f"\n{-lost_s:.2f}" if overlap else "")
                axes.text(column, -row, text.replace("-", "−"), ha="center", va="center")
                if overlap:
                    told.append(
                        f"{_one_line(other)} with {_one_line(name)}: {saved_s:.3f} s, "
                        f"{lost_s:.3f} s less than their sum"
                    )
        axes.set_yticks([-row for row in range(1, len(names))], names[1:])
        columns = [textwrap.fill(_one_line(name), 9) for name in names[:-1]]
        axes.set_xticks(range(len(columns)), columns)
        axes.tick_params(length=0)
        axes.set(xlim=(-0.5, len(names) - 1.5), ylim=(-len(names) + 0.5, -0.5))
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        return drawing.done(
            f"Seconds that two switches save together. {'; '.join(told) or 'All pairs add up'}. "
            + ("The other pairs add up." if told else ""),
            "Seconds saved by each pair. Where the two overlap, the cell is coloured, and the "
            "second number is what is missing from the sum of the parts.",
        )


def _rows(drawing: Canvas, names: Sequence[str]) -> None:
    drawing.rows(names)
    drawing.axes.tick_params(axis="y", length=0)
    drawing.axes.spines["left"].set_visible(False)


def _cell(axes: Axes, column: int, row: int, colour: str) -> None:
    style: dict[str, Any] = {"edgecolor": PAPER, "linewidth": 2}
    axes.barh(-row, 1, left=column - 0.5, height=1, color=colour, alpha=0.55, **style)


def _one_line(name: str) -> str:
    return " ".join(name.split())
