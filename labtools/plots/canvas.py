"""The one look of every figure in the course, in the book and in the labs.

A figure carries its own light background (the book gives a dark page a drawing of its own), its own
alt text and caption, so that these can hold measured numbers, and a second drawing for phones,
where a wide one shrinks until its text is too small.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labtools.errors import NothingMeasured
from labtools.files import write_whole
from labtools.plots.colours import DECODE, INK, MUTED, ON_PALE, PAPER, TOOL, TTFT

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation, Text
    from matplotlib.transforms import Bbox


_DARK = {TTFT, DECODE, TOOL}  # words on these are white

WIDTH_IN = 7.0  # the column of a page
# A phone of 390 pixels leaves a figure 358 of them: at this width its smallest text, 10 points,
# is then shown at 9.
NARROW_IN = 4.14
NARROW_WINDOW_PX = 600


@dataclass(frozen=True, slots=True)
class LabFigure:
    """A figure with its alt text and caption; Jupyter and the book show it as they are."""

    svg: str
    narrow_svg: str
    alt: str
    caption: str = ""

    @property
    def html(self) -> str:
        """The figure as a `<figure>` that needs no other file."""
        alt = html.escape(self.alt, quote=True)
        image = (
            f'<picture><source media="(max-width: {NARROW_WINDOW_PX}px)" '
            f'srcset="{_address(self.narrow_svg)}">'
            f'<img alt="{alt}" src="{_address(self.svg)}"></picture>'
        )
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return f'<figure class="lab-figure">{image}{caption}</figure>'

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": f"Figure: {self.alt}"}

    def save(self, path: str | Path) -> None:
        """Write the figure as SVG."""
        write_whole(path, self.svg)


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


class Canvas:
    """An Axes to draw on, with labels that make room for themselves, and what becomes of it."""

    def __init__(self, figure: Figure, axes: Axes) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        self.axes = axes
        self._figure = figure
        self._agg: Any = FigureCanvasAgg(figure)  # it knows how large texts are
        self._layout = ConstrainedLayoutEngine()  # not the figure's: saving would run it twice more
        self._handles: list[Artist] = []
        self._title = ""
        self._mark_length = 1.0
        self._at_ends: list[Annotation] = []
        self._within: list[tuple[Text, float, float]] = []

    def bar(
        self, y: float, *parts: tuple[float, str, str], end: str = "", height: float = 0.55
    ) -> None:
        """One horizontal bar from zero: parts of a length, a colour and the words inside.

        `end` are the words behind it. Words that do not fit into their part are left out.
        """
        left = 0.0
        for length, colour, words in parts:
            self.axes.barh(y, length, left=left, height=height, color=colour)
            if words:
                ink = PAPER if colour in _DARK else ON_PALE
                middle = left + length / 2
                text = self.axes.text(middle, y, words, ha="center", va="center", color=ink)
                self.label_within(text, left, left + length)
            left += length
        if end:
            self.label_end(left, y, end)

    def rows(self, names: Sequence[str]) -> None:
        """The names of bars that stand at 0, -1, -2 and so on."""
        self.axes.set_yticks([-row for row in range(len(names))], names)

    def label_end(
        self, x: float, y: float, words: str, *, gap_points: float = 5, **style: Any
    ) -> None:
        """Words behind a bar or the end of a line, clear of each other; the axis makes room."""
        label = self.axes.annotate(
            words, (x, y), xytext=(gap_points, 0), textcoords="offset points", va="center", **style
        )
        label.set_in_layout(False)
        self._at_ends.append(label)

    def note(
        self, x: float, y: float, words: str, right_points: float, up_points: float, **style: Any
    ) -> None:
        """Words beside a place, so many points to its right and above it."""
        at = (right_points, up_points)
        self.axes.annotate(words, (x, y), xytext=at, textcoords="offset points", **style)

    def label_within(self, text: Text, left: float, right: float) -> None:
        """Show the text only where it fits between two places on the horizontal axis."""
        text.set_in_layout(False)
        self._within.append((text, left, right))

    def key(self, colours: Mapping[str, str], title: str = "") -> None:
        """What the colours mean, above the plot in as few lines as it takes."""
        from matplotlib.patches import Patch

        self.legend([Patch(color=colour, label=name) for name, colour in colours.items()], title)

    def legend(self, handles: Sequence[Artist], title: str = "", length: float = 1) -> None:
        """What these marks mean, above the plot in as few lines as it takes.

        A mark is as long as `length` letters: a dashed line needs more than one.
        """
        self._handles, self._title, self._mark_length = list(handles), title, length

    def done(self, alt: str, caption: str = "") -> LabFigure:
        """The finished figure. `alt` says what it shows, not that it is a figure."""
        self.axes.autoscale(False)
        limits = self.axes.get_xlim()
        drawn = []
        for width_in in (WIDTH_IN, NARROW_IN):
            self.axes.set_xlim(limits)
            self._figure.set_figwidth(width_in)
            self._fit()
            out = io.StringIO()
            self._figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
            drawn.append(out.getvalue())
        wide, narrow = drawn
        return LabFigure(wide, narrow, alt, caption)

    def _fit(self) -> None:
        """Lay out at the present width what depends on it."""
        self._place_legend()
        self._layout.execute(self._figure)
        scale = self.axes.xaxis.get_transform()
        left, right = scale.transform(self.axes.get_xlim())
        room_px = self.axes.bbox.width
        for words in self._at_ends:
            words_px = self._box(words).x1 - self.axes.transData.transform(words.xy)[0]
            if words_px < room_px:
                reach = scale.transform(words.xy[0]) - left
                right = max(right, left + reach * room_px / (room_px - words_px))
        if self._at_ends:
            left, right = scale.inverted().transform([left, right])
            self.axes.set_xlim(left, right)
        self._move_apart()
        label = self.axes.xaxis.label
        label.set(x=0.5, ha="center")
        self._layout.execute(self._figure)
        if self._box(label).x1 > self._figure.bbox.x1:
            label.set(x=1, ha="right")
        for text, start, end in self._within:
            text.set_visible(True)
            (first_px, _), (last_px, _) = self.axes.transData.transform([(start, 0), (end, 0)])
            text.set_visible(self._box(text).width < last_px - first_px)

    def _move_apart(self) -> None:
        """Lift the words at ends that would stand on others, then lower what is lifted too far."""
        rising = sorted(self._at_ends, key=lambda words: words.xy[1])
        for words in rising:
            words.xyann = (words.xyann[0], 0)
        plain = [self._box(words) for words in rising]
        lifted: list[Bbox] = []
        for box in plain:
            lift_px = max([0, *(other.y1 - box.y0 for other in _beside(box, lifted))])
            lifted.append(box.translated(0, lift_px))
        above: list[Bbox] = []
        top_px = self._figure.bbox.y1 - 4 * self._figure.dpi / 72  # browsers draw letters higher
        for words, before, box in reversed([*zip(rising, plain, lifted, strict=True)]):
            ceiling_px = min([top_px, *(other.y0 for other in _beside(box, above))])
            above.append(box.translated(0, min(0, ceiling_px - box.y1)))
            words.xyann = (words.xyann[0], (above[-1].y0 - before.y0) * 72 / self._figure.dpi)

    def _box(self, artist: Artist) -> Bbox:
        return artist.get_window_extent(self._agg.get_renderer())

    def _place_legend(self) -> None:
        if earlier := self.axes.get_legend():
            earlier.remove()
        self._layout.execute(self._figure)
        for columns in range(len(self._handles), 0, -1):
            legend = self.axes.legend(
                handles=self._handles,
                title=self._title or None,
                alignment="left",
                loc="lower left",
                bbox_to_anchor=(-0.01, 1),
                borderpad=0,
                ncols=columns,
                frameon=False,
                fontsize=10,
                title_fontsize=11,
                handlelength=self._mark_length,
            )
            for text in (*legend.get_texts(), legend.get_title()):
                text.set_parse_math(False)  # a name may hold dollar signs
            legend.set_in_layout(False)  # one that is too wide would leave the plot no room
            if self._box(legend).x1 <= self._figure.bbox.width:
                break
        if self._handles:
            legend.set_in_layout(True)


def _beside(box: Bbox, others: Sequence[Bbox]) -> list[Bbox]:
    """Those of the others that stand above or below the box."""
    return [other for other in others if other.x0 < box.x1 and box.x0 < other.x1]


def require_some(rows: Sized, what: str) -> None:
    """Raises NothingMeasured where there is nothing to draw, and says of what."""
    if not rows:
        raise NothingMeasured(f"There is nothing to draw: no {what} was given.")


@contextmanager
def canvas(height_in: float = 3.0, **subplot: Any) -> Iterator[Canvas]:
    """One Axes in the course's style, drawn `WIDTH_IN` and `NARROW_IN` wide."""
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
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH_IN, height_in))
        yield Canvas(figure, figure.add_subplot(**subplot))


def percent(axis: Axis) -> None:
    """Shares as percentages."""
    axis.set_major_formatter(lambda value, _: f"{value:.0%}".replace("-", "\N{MINUS SIGN}"))


def thousands(axis: Axis) -> None:
    """Numbers with a comma at the thousands, and few enough of them to stand side by side."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(5, min_n_ticks=3))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def plain(axis: Axis) -> None:
    """Numbers written out, where a logarithmic axis would give powers."""
    axis.set_major_formatter(lambda value, _: f"{value:,.6g}")
