"""The figures of a report and of a comparison: what was measured, with the interval of each value.

Each is None where there is nothing of its kind to draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from labtools.evaluation.plan import NAMES
from labtools.plots.canvas import LabFigure, canvas, thousands
from labtools.plots.colours import (
    DECODE,
    HIGHLIGHT,
    HIGHLIGHT_TEXT,
    INK,
    MUTED,
    TTFT,
    WAITING,
    words_in,
)
from labtools.plots.intervals import Spread, band, banded_line, spread_words, whisker
from labtools.wording import duration

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from labtools.evaluation.comparison import Against, Comparison
    from labtools.evaluation.report import Report
    from labtools.evaluation.statistics import Stat

LONGEST_NAME = 24
# A call that takes this much longer than a lone one has been slowed.
SLOWED = 1.2
K = TypeVar("K")


def ttft_by_prompt(report: Report) -> LabFigure | None:
    """p50 and p95 of TTFT, in seconds, by input tokens; nothing cached."""
    rows = _spreads((row.input_tokens, row.ttft_s) for row in report.contexts.rows)
    if not rows:
        return None
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        looks = ((TTFT, "p50", "-o"), (HIGHLIGHT, "p95", "--o"))
        for place, (colour, words, style) in enumerate(looks):
            spreads = {length: pair[place] for length, pair in rows.items()}
            banded_line(drawing, spreads, style, colour, words, color=words_in(colour))
        axes.set(ylim=(0, None), xlim=(0, 1.03 * max(rows)))
        thousands(axes.xaxis)
        axes.set(xlabel="input tokens, none of them cached", ylabel="TTFT (seconds)")
        told = _told((f"at {length:,.0f} tokens", pair) for length, pair in rows.items())
        return drawing.done(
            f"TTFT by length of the prompt: {told}.",
            "TTFT of lone calls with new prompts. The bands are 95% intervals; a point without "
            "one has too few calls.",
        )


def latency_by_clients(report: Report) -> LabFigure | None:
    """p50 of a call, in seconds, by calls at once, and where it counts as slowed."""
    rows = {row.clients: row.e2e_latency_s for row in report.closed_loop}
    lone = rows[1].p50 if 1 in rows else None
    return _by_clients(rows, "end-to-end latency", INK, SLOWED * lone.value if lone else None)


def tpot_by_clients(report: Report) -> LabFigure | None:
    """p50 of TPOT, in seconds, by calls at once."""
    rows = {row.clients: row.tpot_s for row in report.closed_loop}
    return _by_clients(rows, "time per output token", DECODE)


def _by_clients(
    stats: Mapping[int | None, Stat], quantity: str, colour: str, mark_s: float | None = None
) -> LabFigure | None:
    rows = {clients: p50 for clients, (p50, _) in _spreads(stats.items()).items()}
    if not rows:
        return None
    clients = list(rows)
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


def ttft_after_edits(report: Report) -> LabFigure | None:
    """p50 of TTFT, in seconds, of a prompt's first time and of each way of coming back to it."""
    stats = {"first time": report.prefix.cold_ttft_s}
    stats |= {NAMES[row.label]: row.ttft_s for row in report.prefix.reuses}
    bars = {name: p50 for name, (p50, _) in _spreads(stats.items()).items()}
    if not bars:
        return None
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


def latency_by_form(report: Report) -> LabFigure | None:
    """p50 and p95 of a call, in seconds, by the form of its answer."""
    rows = _spreads((NAMES[row.form], row.e2e_latency_s) for row in report.structured.forms)
    if not rows:
        return None
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
        return drawing.done(
            f"End-to-end latency by form of the answer: {_told(rows.items())}.",
            "End-to-end latency of the same questions. Bands: 95% intervals; a dot without one has "
            "too few calls.",
        )


def chain_by_step(report: Report) -> LabFigure | None:
    """TTFT and decode, in seconds, of each step of a chain."""
    rows = [
        (row.step, row.ttft_s, row.decode_s)
        for row in report.chain.steps
        if row.ttft_s is not None and row.decode_s is not None
    ]
    if not rows:
        return None
    numbers, ttfts_s, decodes_s = zip(*rows, strict=True)
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


def times_as_long(found: Comparison) -> LabFigure | None:
    """Endpoints' times as multiples of the first one's: a row a quantity, a mark an endpoint.

    Multiples outside a twentieth to twenty are drawn at that edge.
    """
    rows = {row.what: [_multiples(against) for against in row.against] for row in found.quantities}
    rows = {what: spreads for what, spreads in rows.items() if any(spreads)}
    names = [endpoint.name for endpoint in found.endpoints[1:]]
    if not rows:
        return None
    gap = 0.7 / len(names)
    with canvas(height_in=1.5 + 0.3 * len(rows) * max(1.0, 0.6 * len(names))) as drawing:
        axes, edges = drawing.axes, [-1.0, 1.0]
        handles: list[Artist] = []
        axes.axvline(0, color=MUTED, linewidth=1)
        for place, name in enumerate(names):
            colour, mark = (DECODE, TTFT, HIGHLIGHT)[place % 3], "osD^v"[place % 5]
            short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
            handles += axes.plot([], [], f"-{mark}", color=colour, label=short)
            for row, spread in enumerate(spreads[place] for spreads in rows.values()):
                if spread is None:
                    continue
                y = -row - (place - (len(names) - 1) / 2) * gap
                value, *ends = map(_doublings, (spread[0], *(spread[1] or ())))
                axes.plot(ends, [y] * len(ends), color=colour, linewidth=2)
                face = colour if ends else "none"
                axes.plot([value], [y], mark, color=colour, mfc=face, markersize=6)
                edges += [value, *ends]
        low, high = math.floor(min(edges)), math.ceil(max(edges))
        axes.set_xlim(low - 0.15, high + 0.15)
        ticks = range(low, high + 1)
        axes.set_xticks(ticks, [f"{2**n}×" if n >= 0 else f"1/{2**-n}" for n in ticks])
        drawing.rows(list(rows))
        axes.set(ylim=(-len(rows) + 0.4, 0.6), xlabel="multiple of the first (log scale)")
        drawing.legend(handles)
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


def _told(rows: Iterable[tuple[str, tuple[Spread, Spread]]]) -> str:
    return "; ".join(
        f"{name} p50 {spread_words(p50)}, p95 {spread_words(p95)}" for name, (p50, p95) in rows
    )


def _spreads(stats: Iterable[tuple[K, Stat]]) -> dict[K, tuple[Spread, Spread]]:
    """p50 and p95, of what has them."""
    return {
        name: (stat.p50.spread, stat.p95.spread) for name, stat in stats if stat.p50 and stat.p95
    }


def _multiples(against: Against) -> Spread | None:
    """As a multiple of the first endpoint's time; None where it was not measured on both."""
    low, high = against.relative_low, against.relative_high
    ends = None if low is None or high is None else (1 + low, 1 + high)
    return None if against.relative is None else (1 + against.relative, ends)


def _doublings(multiple: float) -> float:
    return math.log2(min(max(multiple, 0.05), 20.0))


def _multiple(spread: Spread | None) -> str:
    return spread_words(spread, "{:.3g}".format) if spread else "not measured"


def _ticks(numbers: Sequence[int]) -> list[int]:
    every = max(1, len(numbers) // 10)
    return [n for n in numbers if n == numbers[0] or n % every == 0]
