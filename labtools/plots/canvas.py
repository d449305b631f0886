"""The one look of every figure in the course, in the book and in the labs.

A figure carries its own light background, so that it reads on a white page and on a dark one,
and its own alt text and caption, so that these can hold measured numbers. Colours are Okabe and
Ito's, which colour-blind readers can tell apart; a meaning keeps its colour through the book.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TTFT = "#D55E00"
DECODE = "#0072B2"
TOOL = "#009E73"
WAITING = "#999999"
HIGHLIGHT = "#CC79A7"
HIGHLIGHT_TEXT = "#A33E76"  # the same hue, dark enough for words on PAPER
INK = "#222222"
MUTED = "#666666"
PAPER = "#FFFFFF"

# Narrow enough that the text still reads when a phone shows the figure at two thirds.
WIDTH_IN = 5.6


@dataclass(frozen=True, slots=True)
class LabFigure:
    """A figure with its alt text and caption; Jupyter and the book show it as they are."""

    svg: str
    alt: str
    caption: str = ""

    @property
    def html(self) -> str:
        """The figure as a `<figure>` that needs no other file."""
        data = base64.b64encode(self.svg.encode()).decode()
        alt = html.escape(self.alt, quote=True)
        image = f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}">'
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return f'<figure class="lab-figure">{image}{caption}</figure>'

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": f"Figure: {self.alt}"}

    def save(self, path: str | Path) -> None:
        """Write the figure as SVG."""
        Path(path).write_text(self.svg, encoding="utf-8")


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
def canvas(height_in: float = 3.0, **subplot: Any) -> Iterator[Canvas]:
    """One Axes in the course's style, `WIDTH_IN` wide."""
    import matplotlib
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "labtools",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 11,
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
        "axes.titlepad": 22,
        "axes.titlesize": 12,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        yield Canvas(figure, figure.add_subplot(**subplot))


def key(axes: Axes, colours: Mapping[str, str]) -> None:
    """What the colours mean, in one line between the title and the plot."""
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=colour, label=name) for name, colour in colours.items()],
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.98),
        borderpad=0,
        ncols=len(colours),
        frameon=False,
        fontsize=10,
        handlelength=1,
    )
