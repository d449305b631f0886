"""The figures on calls left out: attempts as strips, edits beside files, and half a prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from labtools.clock import elapsed_s
from labtools.coding_agent.steps import PLAN, PLAN_AND_FIX
from labtools.lab.spans import in_order
from labtools.lab.trace import Trace
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import LabFigure, canvas, percent, plain, require_some
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, MUTED, PAPER, STYLES, TOOL, TTFT
from labtools.plots.timeline import span_bar


def first_words_s(trace: Trace) -> float | None:
    """Until the plan's first token: the first words of a run that a person can use."""
    for span in in_order(trace.spans):
        if span.name in (PLAN.name, PLAN_AND_FIX.name) and span.call and span.call.chunks_at:
            return elapsed_s(trace.started_at, span.call.chunks_at[0])
    return None


def strips(traces: Mapping[str, Trace]) -> LabFigure:
    """Each run as a strip of its calls and test runs, with the moment of the plan's first words."""
    require_some(traces, "run")
    with canvas(height_in=1.2 + 0.5 * len(traces)) as drawing:
        axes, told = drawing.axes, []
        for row, (name, trace) in enumerate(traces.items()):
            for span in in_order(trace.spans):
                if span.kind != "group" and span.duration_s:
                    look = {"height": 0.55, "linewidth": 1.2, "edgecolor": PAPER}
                    span_bar(axes, -row, span, trace.started_at, **look)
            drawing.label_end(trace.duration_s, -row, f"{trace.duration_s:.2f} s")
            said = ""
            if (words_s := first_words_s(trace)) is not None:
                axes.plot(words_s, -row + 0.4, marker="v", color=HIGHLIGHT, markersize=7)
                said = f", the plan's first words after {words_s:.2f} s"
            told.append(f"{' '.join(name.split())}: {trace.duration_s:.2f} s{said}")
        drawing.rows(list(traces))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set(xlabel="seconds since the start", ylim=(-len(traces) + 0.5, 0.75))
        drawing.key(
            {"TTFT": TTFT, "decode": DECODE, "tests": TOOL, "the plan's first words": HIGHLIGHT}
        )
        return drawing.done(
            f"One attempt, call by call. {'; '.join(told)}.",
            "One attempt at the case study. What is left out above is done by code below, in no "
            "time that would show.",
        )


def files_and_edits(tokens: Mapping[str, Mapping[str, int]], profile: LatencyProfile) -> LabFigure:
    """For each file how long one change takes to write as a whole file and as an edit."""
    require_some(tokens, "file")
    rate = profile.decode_tokens_per_s
    with canvas(height_in=1.3 + 0.42 * len(tokens)) as drawing:
        axes, told = drawing.axes, []
        for row, (name, formats) in enumerate(tokens.items()):
            edit_s, whole_s = (
                formats[form] / rate for form in ("search and replace", "whole file")
            )
            axes.plot([edit_s, whole_s], [-row, -row], color=MUTED, linewidth=1.2, zorder=1)
            axes.plot(edit_s, -row, "o", color=HIGHLIGHT, markersize=8)
            axes.plot(whole_s, -row, "s", color=DECODE, markersize=8)
            drawing.label_end(whole_s, -row, f"{whole_s:.1f} s", gap_points=8)
            told.append(
                f"{' '.join(name.split())} {whole_s:.2f} s whole and {edit_s:.2f} s as an edit"
            )
        axes.set_xscale("log")
        axes.set_xlim(right=4 * max(formats["whole file"] for formats in tokens.values()) / rate)
        plain(axes.xaxis)
        drawing.rows(list(tokens))
        axes.tick_params(axis="y", length=0)
        axes.set(
            xlabel=f"seconds at {rate:.0f} tokens a second (log scale)",
            ylim=(-len(tokens) + 0.5, 0.6),
        )
        drawing.key({"search and replace": HIGHLIGHT, "whole file": DECODE})
        return drawing.done(
            f"Seconds to write one change down: {'; '.join(told)}.",
            "The same change as an edit and as a whole file. The edit stays as long as the change, "
            "the file does not.",
        )


def half_a_prompt(
    profile: LatencyProfile, outputs: Sequence[int], lengths: Sequence[int]
) -> LabFigure:
    """What share of a call goes with half of its prompt, by the prompt's length."""
    with canvas(height_in=3.2) as drawing:
        axes, told = drawing.axes, []
        for tokens, style in zip(outputs, STYLES, strict=False):
            shares = [_saved_by_half(profile, tokens, length) for length in lengths]
            axes.plot(lengths, shares, style, color=TTFT, linewidth=2)
            drawing.label_end(lengths[-1], shares[-1], f"{tokens:,} out", color=INK)
            ends = ((lengths[0], shares[0]), (lengths[-1], shares[-1]))
            told.append(
                f"with {tokens:,} output tokens "
                + " and ".join(f"{share:.0%} at {length:,}" for length, share in ends)
            )
        axes.set_xscale("log")
        axes.set_xlim(right=3 * lengths[-1])
        axes.set_ylim(0, 0.55)
        percent(axes.yaxis)
        plain(axes.xaxis)
        axes.set(
            xlabel="input tokens before halving (log scale)",
            ylabel="of the call saved",
        )
        return drawing.done(
            f"Share of a call that half its prompt saves: {'; '.join(told)} input tokens.",
            f"What half the prompt takes off a call on {profile.name} when nothing is cached, for "
            "answers of three lengths.",
        )


def _saved_by_half(profile: LatencyProfile, output_tokens: int, input_tokens: int) -> float:
    whole_s = profile.e2e_latency_s(output_tokens, input_tokens)
    return 1 - profile.e2e_latency_s(output_tokens, math.ceil(input_tokens / 2)) / whole_s
