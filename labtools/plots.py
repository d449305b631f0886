"""Records in, figures out. One look for the whole course, in the book and in the labs.

A figure carries its own light background, so that it reads on a white page and on a dark one,
and its own alt text and caption, so that these can hold measured numbers. Colours are Okabe and
Ito's, which colour-blind readers can tell apart; a meaning keeps its colour through the book.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labtools.clock import elapsed_s
from labtools.errors import NothingMeasured
from labtools.records import Span
from labtools.span_layout import in_order, lanes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TTFT = "#D55E00"
DECODE = "#0072B2"
TOOL = "#009E73"
WAITING = "#999999"
HIGHLIGHT = "#CC79A7"
INK = "#222222"
MUTED = "#666666"
PAPER = "#FCFCFA"

WIDTH_IN = 7.2


@dataclass(frozen=True, slots=True)
class LabFigure:
    """A figure with its alt text and caption; Jupyter and the book show it as they are."""

    svg: str
    alt: str
    caption: str = ""

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        data = base64.b64encode(self.svg.encode()).decode()
        alt = html.escape(self.alt, quote=True)
        image = f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}">'
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return {
            "text/html": f'<figure class="lab-figure">{image}{caption}</figure>',
            "text/plain": f"Figure: {self.alt}",
        }

    def save(self, path: str) -> None:
        """Write the figure as SVG."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)


class Canvas:
    """An Axes to draw on, and what becomes of it."""

    def __init__(self, figure: Figure, axes: Axes) -> None:
        self.axes = axes
        self._figure = figure

    def done(self, alt: str, caption: str = "") -> LabFigure:
        """The finished figure. `alt` says what it shows, not that it is a figure."""
        out = io.StringIO()
        self._figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        return LabFigure(out.getvalue(), alt, caption)


@contextmanager
def canvas(height_in: float = 3.2, **subplot: Any) -> Iterator[Canvas]:
    """One Axes in the course's style, `WIDTH_IN` wide."""
    import matplotlib
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": "labtools",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.facecolor": PAPER,
        "figure.facecolor": PAPER,
        "savefig.facecolor": PAPER,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        yield Canvas(figure, figure.add_subplot(**subplot))


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
            for kind, start, end in _parts(span):
                axes.barh(
                    -lane[span.id],
                    end - start,
                    left=elapsed_s(started_at, start),
                    height=0.62,
                    color=_COLOURS[kind],
                    edgecolor=PAPER,
                    linewidth=0.5,
                )
        _label_bars(axes, shown, lane, started_at, elapsed_s(started_at, ended_at))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("seconds since the start of the run")
        axes.set_xlim(0, elapsed_s(started_at, ended_at) or 1)
        kinds = {kind for span in shown for kind, _, _ in _parts(span)}
        _key(axes, {name: _COLOURS[kind] for kind, name in _NAMES.items() if kind in kinds})
        axes.set_title(title)
        return drawing.done(_timeline_alt(shown, started_at, ended_at), title)


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


def _label_bars(
    axes: Axes, spans: Sequence[Span], lane: Mapping[int, int], started_at: float, total_s: float
) -> None:
    """Names above the bars, where they fit."""
    for span in spans:
        width = span.duration_s / total_s if total_s else 0
        if width > 0.011 * len(span.name):
            axes.annotate(
                span.name,
                (elapsed_s(started_at, span.started_at), -lane[span.id] + 0.33),
                fontsize=9,
                color=INK,
                verticalalignment="bottom",
            )


def _key(axes: Axes, colours: Mapping[str, str]) -> None:
    """The legend, in one line above the plot."""
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=colour, label=name) for name, colour in colours.items()],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(colours),
        frameon=False,
        fontsize=9,
        handlelength=1,
    )


def _timeline_alt(spans: Sequence[Span], started_at: float, ended_at: float) -> str:
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
    return text + "."
