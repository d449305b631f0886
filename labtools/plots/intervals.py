"""Values with their intervals: as bands and lines in a figure, and in its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from labtools.plots.canvas import Canvas
from labtools.wording import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ends = tuple[float, float] | None
"""Of an interval; None where there were too few samples for one."""
Spread = tuple[float, Ends]
"""A value, and the ends of its interval."""


def band(
    axes: Axes,
    at: float,
    ends: Ends,
    colour: str,
    *,
    across: bool = False,
    width: float = 6,
    alpha: float = 0.35,
) -> None:
    """A band from end to end: upright at `at`, or across at that height. Nothing without ends."""
    if ends:
        xs, ys = (ends, (at, at)) if across else ((at, at), ends)
        style: dict[str, Any] = {"linewidth": width, "alpha": alpha, "solid_capstyle": "butt"}
        axes.plot(xs, ys, color=colour, **style)


def banded_line(
    drawing: Canvas, spreads: Mapping[float, Spread], style: str, colour: str, name: str, **ink: str
) -> None:
    """A line through values, a band at each, and its name at its end."""
    places = sorted(spreads)
    values = [spreads[place][0] for place in places]
    drawing.axes.plot(places, values, style, color=colour, markersize=5, linewidth=2)
    for place in places:
        band(drawing.axes, place, spreads[place][1], colour)
    drawing.label_end(places[-1], values[-1], name, gap_points=9, **ink)


def whisker(axes: Axes, y: float, ends: Ends, colour: str) -> None:
    """A thin line across from end to end, over a bar."""
    band(axes, y, ends, colour, across=True, width=1.5, alpha=1)


def spread_words(spread: Spread, shown: Callable[[float], str] = duration) -> str:
    """ "2.40 s (2.31 s to 2.52 s)", "2.40 s (no interval)"."""
    value, ends = spread
    between = f"{shown(ends[0])} to {shown(ends[1])}" if ends else "no interval"
    return f"{shown(value)} ({between})"
