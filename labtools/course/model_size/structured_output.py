"""The figures of Chapter 2 on structured output: what a schema adds, and what fifty calls show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labtools.errors import NothingMeasured
from labtools.model.metrics import PercentileInterval, percentile, percentile_interval
from labtools.plots.canvas import (
    DECODE,
    HIGHLIGHT,
    INK,
    MUTED,
    TTFT,
    WAITING,
    LabFigure,
    canvas,
)


def schema_cost(calls: Mapping[str, tuple[float, float, float]]) -> LabFigure:
    """What a call is made of, by engine: seconds of compiling, of TTFT without it, of decode."""
    if not calls:
        raise NothingMeasured("There is no call to draw: pass at least one.")
    with canvas(height_in=1.1 + 0.42 * len(calls)) as drawing:
        for row, (compiling_s, ttft_s, decode_s) in enumerate(calls.values()):
            parts = ((compiling_s, WAITING, ""), (ttft_s, TTFT, ""), (decode_s, DECODE, ""))
            drawing.bar(-row, *parts, end=f"{compiling_s + ttft_s + decode_s:.2f} s")
        drawing.rows(list(calls))
        drawing.axes.set_xlabel("seconds for the first call with a schema")
        drawing.key({"compiling": WAITING, "rest of TTFT": TTFT, "decode": DECODE})
        told = "; ".join(
            f"{name} {sum(parts):.2f} s, of which {parts[0]:.3g} s compiling"
            for name, parts in calls.items()
        )
        return drawing.done(
            f"The first call that is bound to a schema, by engine: {told}.",
            "The first call with a new schema. Later calls have no grey part.",
        )


def percentiles_of_calls(
    latencies_s: Mapping[str, Sequence[float]], confidence: float = 0.95
) -> LabFigure:
    """Every call as a dot, with p50 and p95 and the interval of each, where the sample has one."""
    if not latencies_s:
        raise NothingMeasured("There is no sample to draw: pass at least one.")
    longest_s = max(max(sample) for sample in latencies_s.values())
    with canvas(height_in=1.1 + 0.72 * len(latencies_s)) as drawing:
        axes = drawing.axes
        told = []
        for row, (name, sample) in enumerate(latencies_s.items()):
            axes.plot(sample, [-row - 0.22] * len(sample), "|", color=MUTED, markersize=6)
            words = []
            for q, colour, side in ((0.5, INK, "right"), (0.95, HIGHLIGHT, "left")):
                value, label = percentile(sample, q), f"p{q * 100:.0f}"
                axes.plot([value], [-row], "o", color=colour, markersize=6)
                interval = percentile_interval(sample, q, confidence)
                if isinstance(interval, PercentileInterval):
                    ends = (interval.low, interval.high)
                    axes.plot(ends, [-row, -row], color=colour, linewidth=3, alpha=0.5)
                    words.append(f"{label} {value:.2f} s ({ends[0]:.2f} to {ends[1]:.2f})")
                else:
                    words.append(
                        f"{label} {value:.2f} s (no interval: {interval.needed} calls needed)"
                    )
                axes.annotate(
                    label,
                    (value, -row),
                    textcoords="offset points",
                    xytext=(0, 6),
                    ha=side,  # apart, however near they are
                    fontsize=10,
                )
            told.append(f"{name}: {', '.join(words)}")
        drawing.rows(list(latencies_s))
        axes.set_ylim(-len(latencies_s) + 0.55, 0.5)
        axes.set_xlim(0, longest_s * 1.05)
        axes.set_xlabel("seconds for a call")
        calls = len(next(iter(latencies_s.values())))
        return drawing.done(
            f"p50 and p95 of {calls} calls each: {'; '.join(told)}.",
            f"{calls} calls each, a tick for every one. The band around p50 holds the true median "
            f"with at least {confidence:.0%} confidence. A p95 without a band has no interval.",
        )
