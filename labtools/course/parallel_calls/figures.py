"""The figures on parallel calls: side by side, jitter, load, limits, hedges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from labtools.clock import elapsed_s
from labtools.dispatch.sending import fan_out_speedup
from labtools.errors import NothingMeasured
from labtools.lab.spans import lanes
from labtools.lab.trace import Trace
from labtools.model.metrics import percentile
from labtools.plots.canvas import LabFigure, canvas
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, MUTED, TTFT, WAITING, words_in
from labtools.plots.timeline import span_bar

_GAP_ROWS = 0.6


def side_by_side(traces: Mapping[str, Trace], caption: str = "") -> LabFigure:
    """Several ways to make the same calls, one under the other on one time axis.

    Calls that overlap get rows of their own.
    """
    calls = {name: [span for span in trace.spans if span.call] for name, trace in traces.items()}
    for name, spans in calls.items():
        if not spans:
            raise NothingMeasured(f"There is nothing to draw: the run {name!r} made no call.")
    placed = {name: lanes(spans) for name, spans in calls.items()}
    rows = sum(1 + max(lane.values()) + _GAP_ROWS for lane in placed.values())
    with canvas(height_in=0.9 + 0.36 * rows) as drawing:
        axes, top, ticks = drawing.axes, 0.0, []
        for name, trace in traces.items():
            height = 1 + max(placed[name].values())
            for span in calls[name]:
                row = -top - placed[name][span.id]
                span_bar(axes, row, span, trace.started_at, height=0.7)
            middle = -top - (height - 1) / 2
            ticks.append(middle)
            drawing.label_end(trace.duration_s, middle, f"{trace.duration_s:.2f} s")
            top += height + _GAP_ROWS
        axes.set_yticks(ticks, list(traces))
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(-top + _GAP_ROWS + 0.4, 0.6), xlabel="seconds since the start")
        drawing.key({"TTFT": TTFT, "decode": DECODE})
        told = "; ".join(
            f"{name.replace(chr(10), ' ')}, {len(calls[name])} "
            f"call{'s' * (len(calls[name]) > 1)} in {trace.duration_s:.2f} s"
            for name, trace in traces.items()
        )
        return drawing.done(f"Timelines of the calls: {told}.", caption)


def jitter_speedup(
    sigmas: Sequence[float], measured: Mapping[int, float], measured_sigma: float
) -> LabFigure:
    """Speed-up of k calls at once over one after another, for calls of varying length.

    `measured` maps k to the speed-up seen at `measured_sigma`.
    """
    most = max(measured)
    calls = range(1, most + 1)
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        axes.plot(calls, calls, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
        drawing.label_end(most, most, "no jitter", color=MUTED)
        for sigma in sigmas:
            curve = [fan_out_speedup(k, sigma) for k in calls]
            colour = DECODE if sigma == measured_sigma else MUTED
            axes.plot(calls, curve, color=colour, linewidth=2 if sigma == measured_sigma else 1)
            drawing.label_end(most, curve[-1], f"sigma {sigma:g}", color=colour)
        axes.plot(list(measured), list(measured.values()), "o", color=INK, markersize=5)
        axes.set(xlim=(1, most), ylim=(0, most * 1.03))
        axes.set_xticks([1, *measured])
        axes.set(xlabel="calls at once", ylabel="times faster than in a row")
        told = ", ".join(f"{speedup:.2f} times with {k}" for k, speedup in measured.items())
        return drawing.done(
            "Speed-up against the number of calls at once. Without jitter it is their number; "
            f"with a lognormal jitter of sigma {measured_sigma:g} the runs measured {told}.",
            f"Speed-up of calls at once over calls in a row. Lines are computed, dots measured at "
            f"sigma {measured_sigma:g}.",
        )


def wall_clock(curves: Mapping[str, Mapping[int, float]], unit_s: float) -> LabFigure:
    """Seconds until the last of k reads is done, against k, for several endpoints.

    `curves` maps an endpoint's name to seconds by k; a read alone takes `unit_s`.
    """
    most = max(max(curve) for curve in curves.values())
    highest_s = max(max(curve.values()) for curve in curves.values()) * 1.15
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        ends_at = highest_s / unit_s
        axes.plot([1, ends_at], [unit_s, highest_s], color=WAITING, linewidth=1)
        axes.text(ends_at, highest_s, " one after another", color=MUTED, va="top")
        for (name, curve), colour in zip(curves.items(), (INK, DECODE, HIGHLIGHT), strict=False):
            axes.plot(list(curve), list(curve.values()), ".-", color=colour, linewidth=1.5)
            drawing.note(most, curve[most], name, 0, 7, ha="right", color=words_in(colour))
        axes.set(xlim=(1, most * 1.02), ylim=(0, highest_s), xticks=range(2, most + 1, 2))
        axes.set(xlabel="reads sent at once", ylabel="seconds until all are done")
        told = "; ".join(f"{name}: {curve[most]:.2f} s" for name, curve in curves.items())
        return drawing.done(
            f"Seconds until all reads are done, for 1 to {most} reads at once. At {most}: {told}.",
            f"Reads of {unit_s:g} s at three endpoints, from one to {most} at once.",
        )


def requests_sent(traces: Mapping[str, Trace]) -> LabFigure:
    """How many requests had been sent by each second, and how many of them were refused."""
    with canvas(height_in=3.0) as drawing:
        axes, told = drawing.axes, []
        longest_s = max(trace.duration_s for trace in traces.values())
        for (name, trace), colour in zip(traces.items(), (HIGHLIGHT, DECODE), strict=False):
            sent = sorted(elapsed_s(trace.started_at, call.sent_at) for call in trace.calls)
            refused = sum(call.error is not None for call in trace.calls)
            counts = range(1, len(sent) + 1)
            axes.step([0, *sent, longest_s], [0, *counts, len(sent)], where="post", color=colour)
            drawing.note(
                longest_s,
                len(sent),
                f"{name}: {len(sent)} sent, {refused} refused",
                0,
                5,
                ha="right",
                color=words_in(colour),
            )
            told.append(
                f"{name}, {len(sent)} requests sent, {refused} refused, done after "
                f"{trace.duration_s:.1f} s"
            )
        axes.set(
            xlim=(0, longest_s),
            ylim=(0, max(len(trace.calls) for trace in traces.values()) * 1.12),
            xlabel="seconds since the start",
            ylabel="requests sent so far",
        )
        answers = sum(call.error is None for call in next(iter(traces.values())).calls)
        return drawing.done(
            f"Requests sent against time: {'; '.join(told)}.",
            f"What it takes to get {answers} answers under one rate limit, in two ways.",
        )


def tails(runs: Mapping[str, Iterable[float]], delay_s: float) -> LabFigure:
    """The share of calls that take longer than t, on a logarithmic scale, for each run."""
    with canvas(height_in=3.2) as drawing:
        axes, told = drawing.axes, []
        ordered = {name: sorted(latencies_s) for name, latencies_s in runs.items()}
        longest_s = max(latencies_s[-1] for latencies_s in ordered.values())
        for (name, latencies_s), colour in zip(
            ordered.items(), (DECODE, HIGHLIGHT, MUTED), strict=False
        ):
            n = len(latencies_s)
            later = [(n - index) / n for index in range(n)]
            axes.step(latencies_s, later, where="pre", color=colour, linewidth=2)
            p99_s = percentile(latencies_s, 0.99)
            # Above the longer tail, and in the room below it.
            longer = p99_s > longest_s / 2
            axes.text(
                longest_s if longer else p99_s + longest_s * 0.03,
                0.028 if longer else 0.005,
                f"{name}: p99 {p99_s:.2f} s",
                ha="right" if longer else "left",
                color=words_in(colour),
            )
            told.append(f"{name}, p99 {p99_s:.2f} s, longest {latencies_s[-1]:.2f} s")
        axes.axvline(delay_s, color=MUTED, linewidth=1)
        axes.text(delay_s, 1.0, f" second request at {delay_s:.2f} s", color=MUTED, va="bottom")
        axes.set(
            yscale="log",
            ylim=(1 / max(len(latencies_s) for latencies_s in ordered.values()), 1),
            xlim=(0, longest_s * 1.03),
        )
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
        axes.set(xlabel="seconds", ylabel="calls that take longer (log scale)")
        return drawing.done(
            f"The share of calls that take longer than a given time: {'; '.join(told)}.",
            "The share of reads that take longer than a given time, with one request and with a "
            "second one after the delay.",
        )
