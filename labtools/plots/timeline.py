"""Where the time of one run went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labtools.clock import elapsed_s
from labtools.errors import NothingMeasured
from labtools.lab.spans import in_order, lanes
from labtools.plots.canvas import LabFigure, canvas
from labtools.plots.colours import DECODE, PAPER, TOOL, TTFT, WAITING
from labtools.records import Span, failures

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def timeline(
    spans: Sequence[Span], started_at: float, ended_at: float, title: str = ""
) -> LabFigure:
    """Where the time of one run went: a row for each step, or for each lane if there are many."""
    if not spans:
        raise NothingMeasured("There is nothing to draw: the run recorded no call and no tool.")
    shown = [span for span in in_order(spans) if span.kind != "group"] or in_order(spans)
    lane = lanes(shown)
    rows = 1 + max(lane.values())
    with canvas(height_in=1.3 + 0.42 * rows) as drawing:
        axes = drawing.axes
        for span in shown:
            span_bar(axes, -lane[span.id], span, started_at, height=0.62)
        for span in shown:
            left = elapsed_s(started_at, span.started_at)
            name = axes.text(left, -lane[span.id] + 0.31, span.name, fontsize=10, va="bottom")
            drawing.label_within(name, left, elapsed_s(started_at, span.ended_at))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set(
            xlabel="seconds since the start of the run",
            xlim=(0, elapsed_s(started_at, ended_at) or 1),
        )
        kinds = {kind for span in shown for kind, _, _ in _parts(span)}
        drawing.key({name: _COLOURS[kind] for kind, name in _NAMES.items() if kind in kinds}, title)
        failed = failures([span.call for span in shown if span.call is not None])
        caption = f"{title}. {failed}" if title and failed else title or failed
        return drawing.done(_timeline_alt(shown, started_at, ended_at, failed), caption)


def span_bar(axes: Axes, row: float, span: Span, started_at: float, **style: Any) -> None:
    """A span at this height: TTFT and decode of a call, each in its colour, or the tool."""
    for kind, start, end in _parts(span):
        left = elapsed_s(started_at, start)
        look = {"color": _COLOURS[kind], "edgecolor": PAPER, "linewidth": 0.5, **style}
        axes.barh(row, end - start, left=left, **look)


_COLOURS = {"ttft": TTFT, "decode": DECODE, "tool": TOOL, "failed": WAITING, "group": WAITING}
_NAMES = {
    "ttft": "TTFT",
    "decode": "decode",
    "tool": "tool",
    "failed": "no answer",
    "group": "group",
}


def _parts(span: Span) -> list[tuple[str, float, float]]:
    call = span.call
    if call is None:
        return [(span.kind if span.kind in _COLOURS else "failed", span.started_at, span.ended_at)]
    if not call.chunks_at:
        return [("failed", call.sent_at, call.ended_at)]
    first_at = call.chunks_at[0]
    return [("ttft", call.sent_at, first_at), ("decode", first_at, call.ended_at)]


def _timeline_alt(spans: Sequence[Span], started_at: float, ended_at: float, failed: str) -> str:
    calls = [span for span in spans if span.call is not None]
    tools = [span for span in spans if span.kind == "tool"]
    waited_s = sum(span.call.ttft_s or 0 for span in calls if span.call)
    decoded_s = sum(span.call.decode_s or 0 for span in calls if span.call)
    text = (
        f"Timeline of {elapsed_s(started_at, ended_at):.2f} seconds with {len(calls)} calls: "
        f"{waited_s:.2f} s of TTFT and {decoded_s:.2f} s of decode"
    )
    if tools:
        text += f", and {len(tools)} tools with {sum(t.duration_s for t in tools):.2f} s"
    return f"{text}. {failed}" if failed else f"{text}."
