"""The figures of Chapter 1: one call, twenty calls, break-even, Amdahl's law, tails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from labtools.clock import elapsed_s
from labtools.errors import NothingMeasured
from labtools.lab.trace import Trace
from labtools.model.metrics import amdahl_speedup, chance_one_exceeds
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import DECODE, INK, MUTED, TOOL, TTFT, LabFigure, canvas, percent
from labtools.records import CallRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_IN_WORDS = {1: "one", 2: "two", 3: "three", 4: "four"}


def call_anatomy(calls: Mapping[str, CallRecord]) -> LabFigure:
    """What one call is made of, a bar for each endpoint. Failed calls cannot be drawn."""
    parts = {}
    for name, call in calls.items():
        if call.ttft_s is None or call.decode_s is None:
            raise NothingMeasured(f"The call on {name!r} has no TTFT and decode: {call.error}.")
        parts[name] = (call.ttft_s, call.decode_s)
    with canvas(height_in=0.9 + 0.6 * len(parts)) as drawing:
        for row, (ttft_s, decode_s) in enumerate(parts.values()):
            drawing.bar(
                -row,
                (ttft_s, TTFT, f"{ttft_s:.2f}"),
                (decode_s, DECODE, f"{decode_s:.2f}"),
                end=f"{ttft_s + decode_s:.2f} s",
            )
        drawing.rows(list(parts))
        drawing.axes.set_xlabel("seconds since the request was sent")
        drawing.key({"TTFT": TTFT, "decode": DECODE})
        told = "; ".join(
            f"on {name} {ttft_s:.2f} s of TTFT and {decode_s:.2f} s of decode"
            for name, (ttft_s, decode_s) in parts.items()
        )
        return drawing.done(
            f"The parts of one call: {told}.", "One call, from request to last token."
        )


def race(traces: Mapping[str, Trace]) -> LabFigure:
    """The same run on several endpoints, one under the other, on one time axis."""
    with canvas(height_in=0.9 + 0.6 * len(traces)) as drawing:
        axes = drawing.axes
        for row, trace in enumerate(traces.values()):
            for call in trace.calls:
                _call_bar(axes, -row, call, trace.started_at)
            for span in trace.spans:
                if span.kind == "tool":
                    left = elapsed_s(trace.started_at, span.started_at)
                    axes.barh(-row, span.duration_s, left=left, height=0.5, color=TOOL)
            drawing.label_end(trace.duration_s, -row, f"{trace.duration_s:.1f} s")
        drawing.rows(list(traces))
        axes.set_xlabel("seconds since the start of the run")
        has_tools = any(span.kind == "tool" for trace in traces.values() for span in trace.spans)
        drawing.key({"TTFT": TTFT, "decode": DECODE, **({"tool": TOOL} if has_tools else {})})
        told = ", ".join(f"{trace.duration_s:.1f} s on {name}" for name, trace in traces.items())
        calls = len(next(iter(traces.values())).calls)
        runs, several = _IN_WORDS.get(len(traces), str(len(traces))), "s" * (len(traces) > 1)
        return drawing.done(
            f"{runs.capitalize()} timeline{several} of the same {calls} calls in sequence: {told}.",
            f"The same {calls} calls, one after another, in {runs} run{several}.",
        )


def ttft_share(profiles: Sequence[LatencyProfile], marked_tokens: int) -> LabFigure:
    """TTFT's share of a call against the answer's length, with each break-even length."""
    import numpy as np

    longest = 4 * max(profile.break_even_tokens() for profile in profiles)
    tokens = np.linspace(1, max(longest, 1.5 * marked_tokens), 300)
    with canvas() as drawing:
        axes = drawing.axes
        told = []
        for profile, style in zip(profiles, ("-", "--", ":"), strict=False):
            ttft_s, step_s = profile.ttft_s(), profile.step_s()
            share = ttft_s / (ttft_s + tokens * step_s)
            axes.plot(tokens, share, color=TTFT, linestyle=style, linewidth=2)
            even = profile.break_even_tokens()
            axes.plot([even], [0.5], "o", color=INK, markersize=5)
            at_mark = ttft_s / (ttft_s + marked_tokens * step_s)
            told.append((profile.name, even, at_mark))
        axes.axvline(marked_tokens, color=MUTED, linewidth=1)
        axes.axhline(0.5, color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
        axes.text(marked_tokens, 0.97, f" {marked_tokens} tokens", color=MUTED, va="top")
        _label_ends(axes, told, tokens[-1], profiles)
        axes.set_ylim(0, 1)
        axes.set_xlim(0, tokens[-1])
        percent(axes.yaxis)
        axes.set_xlabel("output tokens")
        axes.set_ylabel("TTFT's share of the call")
        words = "; ".join(
            f"{name} breaks even at {even:.0f} tokens and is at {share:.0%} with {marked_tokens}"
            for name, even, share in told
        )
        return drawing.done(
            f"TTFT's share of a call falls as the answer grows: {words}.",
            "At the dots, the break-even lengths, decode takes as long as TTFT. "
            f"At {marked_tokens} tokens both endpoints are far past it.",
        )


def amdahl(factor: float, share_low: float, share_high: float) -> LabFigure:
    """End-to-end speed-up of a `factor` times faster backend, by inference share on either side."""
    import numpy as np

    shares = np.linspace(0.0, 1.0, 101)
    with canvas() as drawing:
        axes = drawing.axes
        sides: dict[Literal["slow", "fast"], str] = {"slow": "--", "fast": "-"}
        for side, style in sides.items():
            speedups = [amdahl_speedup(share, factor, measured_on=side) for share in shares]
            axes.plot(shares, speedups, color=INK, linewidth=2, linestyle=style)
        for side, x, y in (("fast", 0.03, 0.72), ("slow", 0.53, 0.08)):
            words = f"share measured on\nthe {side} backend"
            axes.text(x, y, words, transform=axes.transAxes)
        axes.axvspan(share_low, share_high, color=MUTED, alpha=0.15, linewidth=0)
        axes.set_xlim(0, 1)
        axes.set_ylim(1, factor * 1.02)
        percent(axes.xaxis)
        axes.set_xlabel("inference's share of the wall clock")
        axes.set_ylabel("end-to-end speed-up (times)")
        span = [
            amdahl_speedup(share, factor, measured_on=side)
            for side in sides
            for share in (share_low, share_high)
        ]
        return drawing.done(
            f"With calls {factor:g} times faster and inference shares of {share_low:.0%} to "
            f"{share_high:.0%}, a run is {span[0]:.2f} to {span[1]:.2f} times faster with the "
            f"share measured on the slow backend, and {span[2]:.2f} to {span[3]:.2f} times with it "
            "measured on the fast one.",
            f"Calls {factor:g} times faster. The grey band is a share of {share_low:.0%} to "
            f"{share_high:.0%}: the same figure means two things.",
        )


def chance_of_a_slow_call(marked: Sequence[int], q: float = 0.95) -> LabFigure:
    """The chance that at least one of n calls is slower than its q-quantile."""
    calls = range(1, round(max(marked) * 1.15) + 1)
    with canvas() as drawing:
        axes = drawing.axes
        axes.plot(calls, [chance_one_exceeds(n, q) for n in calls], color=DECODE, linewidth=2)
        for n in marked:
            chance = chance_one_exceeds(n, q)
            axes.plot([n], [chance], "o", color=INK, markersize=5)
            axes.annotate(
                f"{n} calls: {chance:.0%}",
                (n, chance),
                textcoords="offset points",
                xytext=(6, -14),
            )
        axes.set_ylim(0, 1)
        axes.set_xlim(0, calls[-1])
        percent(axes.yaxis)
        axes.set_xlabel("calls in the run")
        axes.set_ylabel(f"runs with a call above p{q * 100:.0f}")
        told = ", ".join(f"{chance_one_exceeds(n, q):.0%} with {n} calls" for n in marked)
        return drawing.done(
            f"The chance that a run meets a call slower than its p{q * 100:.0f}: {told}.",
            "One call in twenty is slow. Most runs of twenty calls meet one.",
        )


def inference_shares(published: Mapping[str, float], claimed: tuple[float, float]) -> LabFigure:
    """Inference's share of the wall clock in published measurements, beside a claimed range."""
    names = list(published)
    with canvas(height_in=1.1 + 0.42 * len(names)) as drawing:
        axes = drawing.axes
        axes.axvspan(*claimed, color=MUTED, alpha=0.15, linewidth=0)
        for row, share in enumerate(published.values()):
            drawing.bar(-row, (share, DECODE, ""), end=f"{share:.0%}")
        drawing.rows(names)
        axes.set_xlim(0, 1)
        percent(axes.xaxis)
        axes.set_xlabel("inference's share of the wall clock")
        told = ", ".join(f"{name}: {share:.0%}" for name, share in published.items())
        return drawing.done(
            f"Inference's share of the wall clock as published: {told}. "
            f"The essay claims {claimed[0]:.0%} to {claimed[1]:.0%}.",
            f"The grey band is the essay's {claimed[0]:.0%} to {claimed[1]:.0%}.",
        )


def _call_bar(axes: Axes, row: float, call: CallRecord, started_at: float) -> None:
    left = elapsed_s(started_at, call.sent_at)
    style: dict[str, Any] = {"height": 0.5, "edgecolor": "white", "linewidth": 0.4}
    axes.barh(row, call.ttft_s or 0, left=left, color=TTFT, **style)
    axes.barh(row, call.decode_s or 0, left=left + (call.ttft_s or 0), color=DECODE, **style)


def _label_ends(
    axes: Axes,
    told: Sequence[tuple[str, float, float]],
    at: float,
    profiles: Sequence[LatencyProfile],
) -> None:
    """Each curve's name above or below its break-even dot, apart from the others."""
    for index, (name, even, _) in enumerate(sorted(told, key=lambda row: row[1])):
        axes.annotate(
            f"{name}: {even:.0f}",
            (even, 0.5),
            textcoords="offset points",
            xytext=(-6, -16) if index == 0 else (8, 8),
            ha="right" if index == 0 else "left",
        )
