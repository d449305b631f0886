"""The figures on evaluating a provider: what a leaderboard cannot tell apart, and what can.

Providers have no colours of their own: names and marks tell them apart, colours keep their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labtools.plots.canvas import LabFigure, canvas, require_some, thousands
from labtools.plots.colours import DECODE, HIGHLIGHT, HIGHLIGHT_TEXT, INK, MUTED, TTFT, WAITING
from labtools.plots.intervals import Spread, band, banded_line, spread_words, whisker
from labtools.wording import duration, joined

_MARKS = "osD^v"
_PARTS = {"fixed": WAITING, "reading": TTFT, "decode": DECODE, "schema": HIGHLIGHT}


def chain_by_provider(rows: Mapping[str, tuple[float, float, float]]) -> LabFigure:
    """Leaderboard's tokens a second under each name; TTFT and decode of a chain, in seconds."""
    require_some(rows, "provider")
    with canvas(height_in=1.2 + 0.62 * len(rows)) as drawing:
        for row, (_, ttft_s, decode_s) in enumerate(rows.values()):
            parts = ((ttft_s, TTFT, ""), (decode_s, DECODE, ""))
            drawing.bar(-row, *parts, end=duration(ttft_s + decode_s))
        drawing.rows([f"{name}\n{tokens:,.0f} tokens/s" for name, (tokens, *_) in rows.items()])
        drawing.axes.set_xlabel("seconds of inference in the chain")
        drawing.key({"TTFT": TTFT, "decode": DECODE})
        told = "; ".join(
            f"{name}, {tokens:,.0f} tokens a second on the leaderboard, takes "
            f"{duration(ttft_s + decode_s)}, of which TTFT is {duration(ttft_s)}"
            for name, (tokens, ttft_s, decode_s) in rows.items()
        )
        return drawing.done(
            f"One chain on {len(rows)} providers. {told}.",
            "Under each name its place on the leaderboard; the bar is the same chain on it.",
        )


def ttft_by_provider(rows: Mapping[str, Mapping[float, Spread]]) -> LabFigure:
    """p50 of TTFT, in seconds, by input tokens that nobody has cached: a line for each provider."""
    require_some(rows, "provider")
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        for (name, spreads), mark in zip(rows.items(), _MARKS, strict=False):
            banded_line(drawing, spreads, f"-{mark}", TTFT, name)
        axes.set(ylim=(0, None), xlim=(0, 1.03 * max(map(max, rows.values()))))
        thousands(axes.xaxis)
        axes.set(xlabel="input tokens, none of them cached", ylabel="TTFT (seconds)")
        told = "; ".join(
            f"{name} "
            + joined(
                f"{spread_words(spreads[n])} at {n:,.0f} tokens"
                for n in (min(spreads), max(spreads))
            )
            for name, spreads in rows.items()
        )
        return drawing.done(
            f"Median TTFT by length of the prompt: {told}.",
            "Median TTFT of lone calls with new prompts. The bands are 95% intervals. The height "
            "is what a request costs, the slope what a token of the prompt costs.",
        )


def cold_and_again(rows: Mapping[str, tuple[Spread, Spread, float | None]]) -> LabFigure:
    """p50 of TTFT, in seconds, of a prompt's first time and of its repeat; the share reported."""
    require_some(rows, "provider")
    with canvas(height_in=1.2 + 0.72 * len(rows)) as drawing:
        axes = drawing.axes
        for row, (cold, again, share) in enumerate(rows.values()):
            said = "says nothing" if share is None else f"says {share:.0%} cached"
            for y, (value, ends), colour, words in (
                (-row + 0.19, cold, WAITING, ""),
                (-row - 0.19, again, TTFT, f", {said}"),
            ):
                drawing.bar(y, (value, colour, ""), height=0.34)
                whisker(axes, y, ends, INK)
                right = max(value, ends[1] if ends else 0.0)
                drawing.label_end(right, y, f"{duration(value)}{words}", fontsize=10)
        drawing.rows(list(rows))
        axes.set_xlabel("TTFT (seconds)")
        drawing.key({"first time": WAITING, "the same prompt again": TTFT})
        told = "; ".join(
            f"{name} {spread_words(cold)} the first time and {spread_words(again)} again, and "
            f"{'says nothing' if share is None else f'says {share:.0%} cached'}"
            for name, (cold, again, share) in rows.items()
        )
        return drawing.done(
            f"Median TTFT of a prompt and of its repeat: {told}.",
            "Median TTFT of one prompt, twice, with 95% intervals; beside the repeat, what "
            "cached_tokens says.",
        )


def chain_parts(rows: Mapping[str, Mapping[str, float]]) -> LabFigure:
    """What a chain's time is made of: seconds of fixed, reading, decode and schema, by provider."""
    require_some(rows, "provider")
    with canvas(height_in=1.2 + 0.5 * len(rows)) as drawing:
        for row, parts in enumerate(rows.values()):
            amounts = ((parts.get(name, 0.0), colour) for name, colour in _PARTS.items())
            drawing.bar(-row, *((seconds, colour, f"{seconds:.1f}") for seconds, colour in amounts))
        drawing.rows(list(rows))
        drawing.axes.set_xlabel("seconds of inference in the chain")
        drawing.key(_PARTS)
        told = "; ".join(
            f"{name} " + joined(f"{parts.get(part, 0.0):.1f} s {part}" for part in _PARTS)
            for name, parts in rows.items()
        )
        return drawing.done(
            f"What the chain's time is made of: {told}.",
            "Fixed: what each request costs whatever its length. Reading: prompt that is not "
            "cached. Schema: what a bound answer takes beyond a free one.",
        )


def found_differences(rows: Mapping[str, Spread]) -> LabFigure:
    """What was found to be one endpoint's TTFT less another's, in seconds, by how it was found."""
    require_some(rows, "provider")
    reach_s = max(abs(end) for value, ends in rows.values() for end in (value, *(ends or ())))
    with canvas(height_in=1.0 + 0.6 * len(rows)) as drawing:
        axes = drawing.axes
        axes.axvline(0, color=MUTED, linewidth=1)
        for row, (value, ends) in enumerate(rows.values()):
            band(axes, -row, ends, HIGHLIGHT, across=True)
            axes.plot([value], [-row], "o", color=HIGHLIGHT_TEXT, markersize=7)
            words = duration(value).replace("-", "−")
            drawing.note(value, -row, words, 0, 9, ha="center", fontsize=10)
        drawing.rows(list(rows))
        axes.set(
            ylim=(-len(rows) + 0.5, 0.6),
            xlim=(-1.25 * reach_s, 1.25 * reach_s),
            xlabel="TTFT, second less first (seconds)",
        )
        told = "; ".join(f"{' '.join(name.split())} {spread_words(s)}" for name, s in rows.items())
        return drawing.done(
            f"The difference that was found: {told}.",
            "Median of the paired differences, with its 95% interval. The truth is 0.",
        )


def stall_seen(runs: Mapping[str, Sequence[tuple[float, float]]]) -> LabFigure:
    """When each call was sent and how long it took, in seconds: a row of stems for each loop."""
    require_some(runs, "provider")
    longest_s = max(latency_s for calls in runs.values() for _, latency_s in calls)
    looks = zip(runs.items(), (INK, HIGHLIGHT), _MARKS, strict=False)
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        for (name, calls), colour, mark in looks:
            sent, latencies_s = zip(*calls, strict=True)
            axes.plot(sent, latencies_s, mark, color=colour, mfc="none", markersize=5, label=name)
        axes.legend(loc="upper right", frameon=False, fontsize=10, handletextpad=0.2)
        axes.set(
            ylim=(0, 1.12 * longest_s),
            xlabel="sent at (seconds)",
            ylabel="end-to-end latency (seconds)",
        )
        told = "; ".join(
            f"{name}: {sum(latency_s > longest_s / 10 for _, latency_s in calls)} of {len(calls)} "
            f"calls took more than {duration(longest_s / 10)}"
            for name, calls in runs.items()
        )
        return drawing.done(
            f"Latency of each call by when it was sent. {told}.",
            "One stall, met by a client that waits for its answer and by calls that come anyway. "
            "Each mark is a call.",
        )
