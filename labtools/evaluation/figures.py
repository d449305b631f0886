"""The figures of an evaluation: what was measured, with the interval of each value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from labtools.plots.canvas import (
    DECODE,
    HIGHLIGHT,
    HIGHLIGHT_TEXT,
    INK,
    MUTED,
    TTFT,
    WAITING,
    LabFigure,
    Spread,
    band,
    banded_line,
    canvas,
    require,
    spread_words,
    thousands,
    whisker,
    words_in,
)
from labtools.wording import duration

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

LONGEST_NAME = 24


def ttft_by_prompt(rows: Mapping[float, tuple[Spread, Spread]]) -> LabFigure:
    """p50 and p95 of TTFT, in seconds, by input tokens; nothing cached."""
    require(rows, "value")
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        looks = ((TTFT, "p50", "-o"), (HIGHLIGHT, "p95", "--o"))
        for place, (colour, words, style) in enumerate(looks):
            spreads = {length: pair[place] for length, pair in rows.items()}
            banded_line(drawing, spreads, style, colour, words, color=words_in(colour))
        axes.set(ylim=(0, None), xlim=(0, 1.03 * max(rows)))
        thousands(axes.xaxis)
        axes.set(xlabel="input tokens, none of them cached", ylabel="TTFT (seconds)")
        told = "; ".join(
            f"at {length:,.0f} tokens p50 {spread_words(p50)}, p95 {spread_words(p95)}"
            for length, (p50, p95) in sorted(rows.items())
        )
        return drawing.done(
            f"TTFT by length of the prompt: {told}.",
            "TTFT of lone calls with new prompts. The bands are 95% intervals; a point without "
            "one has too few calls.",
        )


def by_clients(
    rows: Mapping[int, Spread], quantity: str, *, colour: str = INK, mark_s: float | None = None
) -> LabFigure:
    """p50 of one quantity, in seconds, by calls at once; `mark_s` is where it counts as slowed."""
    require(rows, "value")
    clients = sorted(rows)
    values = [rows[n][0] for n in clients]
    with canvas(height_in=3.0) as drawing:
        axes = drawing.axes
        places = range(len(clients))
        axes.plot(places, values, "-o", color=colour, linewidth=2, markersize=5)
        for place, n in zip(places, clients, strict=True):
            ends = rows[n][1]
            band(axes, place, ends, colour)
            lowest, highest = ends or (rows[n][0], rows[n][0])
            below = mark_s is not None and rows[n][0] < mark_s  # where the mark's line is not
            at, up = (lowest, -16) if below else (highest, 7)
            drawing.note(place, at, duration(rows[n][0]), 0, up, ha="center", fontsize=10)
        top = max([*values, *(e[1] for _, e in rows.values() if e), mark_s or 0.0])
        if mark_s is not None:
            axes.axhline(mark_s, color=MUTED, linewidth=1, linestyle="--")
            axes.text(
                len(clients) - 0.55, mark_s, "a fifth slower than alone", ha="right", va="top",
                color=MUTED, fontsize=10,
            )  # fmt: skip
        axes.set_xticks(places, [f"{n}" for n in clients])
        axes.set(
            xlim=(-0.45, len(clients) - 0.55),
            ylim=(0, 1.2 * top or 1),
            xlabel="calls at once",
            ylabel=f"{quantity} (seconds)",
        )
        told = "; ".join(f"{n} at once {spread_words(rows[n])}" for n in clients)
        return drawing.done(
            f"Median {quantity} by calls at once: {told}.",
            f"p50 of {quantity} in a closed loop. Bands: 95% intervals, too narrow where calls "
            "slow each other.",
        )


def ttft_after_edits(bars: Mapping[str, Spread]) -> LabFigure:
    """p50 of TTFT, in seconds, of a prompt's first time and of each way of coming back to it."""
    require(bars, "value")
    with canvas(height_in=1.0 + 0.48 * len(bars)) as drawing:
        axes = drawing.axes
        for row, (value, ends) in enumerate(bars.values()):
            drawing.bar(-row, (value, WAITING if row == 0 else TTFT, ""))
            whisker(axes, -row, ends, INK)
            right = max(value, ends[1] if ends else 0.0)
            drawing.label_end(right, -row, duration(value))
        drawing.rows(list(bars))
        axes.set_xlabel("TTFT (seconds)")
        told = "; ".join(f"{name} {spread_words(spread)}" for name, spread in bars.items())
        return drawing.done(
            f"Median TTFT of the same prompt: {told}.",
            "Median TTFT. Grey: the prompt's first time. A shorter bar is prefill that was saved; "
            "lines are 95% intervals.",
        )


def latency_by_form(rows: Mapping[str, tuple[Spread, Spread]]) -> LabFigure:
    """p50 and p95 of a call, in seconds, by the form of its answer."""
    require(rows, "value")
    with canvas(height_in=1.2 + 0.62 * len(rows)) as drawing:
        axes = drawing.axes
        longest_s = 0.0
        looks = (("p50", INK, INK, 8), ("p95", HIGHLIGHT, HIGHLIGHT_TEXT, -17))
        for row, pair in enumerate(rows.values()):
            for (value, ends), (label, colour, ink, up) in zip(pair, looks, strict=True):
                longest_s = max(longest_s, value, *(ends or (0.0,)))
                band(axes, -row, ends, colour, across=True)
                axes.plot([value], [-row], "o", color=colour, markersize=7)
                drawing.note(value, -row, label, 0, up, ha="center", color=ink, fontsize=10)
        drawing.rows(list(rows))
        axes.set(
            ylim=(-len(rows) + 0.4, 0.6),
            xlim=(0, 1.08 * longest_s or 1),
            xlabel="seconds for a call",
        )
        told = "; ".join(
            f"{name} p50 {spread_words(p50)}, p95 {spread_words(p95)}"
            for name, (p50, p95) in rows.items()
        )
        return drawing.done(
            f"End-to-end latency by form of the answer: {told}.",
            "End-to-end latency of the same questions. Bands: 95% intervals; a dot without one has "
            "too few calls.",
        )


def chain_by_step(steps: Mapping[int, tuple[float, float]]) -> LabFigure:
    """TTFT and decode, in seconds, of each step of a chain."""
    require(steps, "value")
    numbers = sorted(steps)
    ttfts_s = [steps[n][0] for n in numbers]
    decodes_s = [steps[n][1] for n in numbers]
    with canvas(height_in=3.0) as drawing:
        axes = drawing.axes
        axes.bar(numbers, ttfts_s, width=0.8, color=TTFT)
        axes.bar(numbers, decodes_s, width=0.8, bottom=ttfts_s, color=DECODE)
        axes.set_xlim(numbers[0] - 0.7, numbers[-1] + 0.7)
        axes.set_xticks(_ticks(numbers))
        axes.set(xlabel="step of the chain", ylabel="seconds")
        drawing.key({"TTFT": TTFT, "decode": DECODE})
        return drawing.done(
            f"TTFT and decode of {len(numbers)} steps of a chain. TTFT goes from "
            f"{duration(ttfts_s[0])} at the first to {duration(ttfts_s[-1])} at the last, decode "
            f"from {duration(decodes_s[0])} to {duration(decodes_s[-1])}; together TTFT is "
            f"{sum(ttfts_s) / (sum(ttfts_s) + sum(decodes_s) or 1):.0%}.",
            "Each step's prompt is the last one's and a little more. TTFT that grows with the "
            "steps is context that is read anew.",
        )


def times_as_long(rows: Mapping[str, Sequence[Spread | None]], names: Sequence[str]) -> LabFigure:
    """Endpoints' times as multiples of one endpoint's: a row a quantity, a mark an endpoint.

    `names` are the endpoints in the rows' order. None: not measured on both. Multiples outside a
    twentieth to twenty are drawn at that edge.
    """
    require(rows, "value")
    gap = 0.7 / len(names)
    with canvas(height_in=1.5 + 0.3 * len(rows) * max(1.0, 0.6 * len(names))) as drawing:
        axes = drawing.axes
        axes.axvline(0, color=MUTED, linewidth=1)
        edges = [-1.0, 1.0]
        for row, spreads in enumerate(rows.values()):
            for place, spread in enumerate(spreads):
                if spread is None:
                    continue
                y = -row - (place - (len(names) - 1) / 2) * gap
                colour, mark = _look(place)
                value, ends = _doublings(spread[0]), spread[1] and [*map(_doublings, spread[1])]
                if ends:
                    axes.plot(ends, [y, y], color=colour, linewidth=2)
                face = colour if ends else "none"
                axes.plot([value], [y], mark, color=colour, mfc=face, markersize=6)
                edges += [value, *(ends or ())]
        low, high = math.floor(min(edges)), math.ceil(max(edges))
        axes.set_xlim(low - 0.15, high + 0.15)
        ticks = range(low, high + 1)
        axes.set_xticks(ticks, [f"{2**n}×" if n >= 0 else f"1/{2**-n}" for n in ticks])
        drawing.rows(list(rows))
        axes.set(ylim=(-len(rows) + 0.4, 0.6), xlabel="multiple of the first (log scale)")
        drawing.legend(_name_marks(names))
        told = "; ".join(
            f"{row}: "
            + ", ".join(
                f"{name} {_multiple(spread)}" for name, spread in zip(names, spreads, strict=True)
            )
            for row, spreads in rows.items()
        )
        return drawing.done(
            f"Times as multiples of the first endpoint's: {told}.",
            "The first endpoint's median plus the median of the paired differences, as a multiple "
            "of the first. Lines: 95% intervals; one that crosses 1 shows no difference. An open "
            "mark has too few pairs.",
        )


def _look(place: int) -> tuple[str, str]:
    return (DECODE, TTFT, HIGHLIGHT)[place % 3], "osD^v"[place % 5]


def _doublings(multiple: float) -> float:
    return math.log2(min(max(multiple, 0.05), 20.0))


def _name_marks(names: Sequence[str]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    looks = [_look(place) for place in range(len(names))]
    labels = [n if len(n) <= LONGEST_NAME else f"{n[: LONGEST_NAME - 1]}…" for n in names]
    return [
        Line2D([], [], color=colour, marker=mark, label=label)
        for (colour, mark), label in zip(looks, labels, strict=True)
    ]


def _multiple(spread: Spread | None) -> str:
    return spread_words(spread, "{:.3g}".format) if spread else "not measured"


def _ticks(numbers: Sequence[int]) -> list[int]:
    every = max(1, len(numbers) // 10)
    return [n for n in numbers if n == numbers[0] or n % every == 0]
