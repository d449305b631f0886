"""The figures on prefix caching: what is reused, what it saves, and how much there is to save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labtools.errors import NothingMeasured
from labtools.lab.trace import Trace
from labtools.model.profile import LatencyProfile, PrefixCache
from labtools.plots.canvas import LabFigure, canvas, percent, thousands
from labtools.plots.colours import DECODE, INK, STYLES, TOOL, TTFT
from labtools.records import CallRecord

# What TTFT would have paid for: its colour, washed out.
REUSED = "#F3C9AC"
_KEY = {"reused": REUSED, "read": TTFT}


def reused_tokens(calls: Mapping[str, CallRecord]) -> LabFigure:
    """How much of one prompt came from the cache, a bar for each way of writing it."""
    parts = {name: _reused_and_read(call, name) for name, call in calls.items()}
    with canvas(height_in=0.9 + 0.5 * len(parts)) as drawing:
        for row, (reused, read) in enumerate(parts.values()):
            drawing.bar(
                -row,
                (reused, REUSED, f"{reused:,}" if reused else ""),
                (read, TTFT, ""),
                end=f"{read:,} read",
            )
        drawing.rows(list(parts))
        thousands(drawing.axes.xaxis)
        drawing.axes.set_xlabel("input tokens of the call")
        drawing.key(_KEY)
        told = "; ".join(
            f"{name}: {reused:,} reused and {read:,} read" for name, (reused, read) in parts.items()
        )
        return drawing.done(
            f"Input tokens of one call, by layout of the prompt. {told}.",
            "What one call of a conversation reuses and reads, by the layout of its prompt.",
        )


def ttft_by_call(traces: Mapping[str, Trace]) -> LabFigure:
    """TTFT of each call of a run, a line for each layout of the prompt; the first stands out."""
    lines = {name: _ttfts_s(trace, name) for name, trace in traces.items()}
    longest = max(len(line) for line in lines.values())
    with canvas(height_in=3.4) as drawing:
        axes = drawing.axes
        for index, line in enumerate(lines.values()):
            calls = range(1, len(line) + 1)
            colour, width = (TTFT, 2.5) if index == 0 else (INK, 1.6)
            style = STYLES[index % len(STYLES)]
            axes.plot(calls, line, color=colour, linewidth=width, linestyle=style)
        highest_s = 1.08 * max(max(line) for line in lines.values())
        for name, line in lines.items():
            drawing.label_end(len(line), line[-1], f"{name}: {line[-1]:.2f} s")
        axes.set_xlim(1, longest)
        axes.set_xticks(range(1, longest + 1))
        axes.set(ylim=(0, highest_s), xlabel="call", ylabel="TTFT (seconds)")
        told = "; ".join(f"{name} {line[-1]:.2f} s" for name, line in lines.items())
        return drawing.done(
            f"TTFT of each of {longest} calls. At the last call: {told}.",
            "TTFT of the same conversation, call by call, in each layout.",
        )


def cached_against_shared(rules: Mapping[str, PrefixCache], longest: int = 2000) -> LabFigure:
    """Under two rules, how many tokens are reused when two prompts begin with the same ones."""
    shared = range(longest + 1)
    with canvas(height_in=3.2) as drawing:
        axes = drawing.axes
        told = []
        looks = ((TTFT, "-", (0.64, 0.38)), (INK, "--", (0.04, 0.62)))
        for (name, rule), (colour, style, (x, y)) in zip(rules.items(), looks, strict=True):
            cached = [rule.cached_tokens(tokens) for tokens in shared]
            axes.plot(shared, cached, color=colour, linestyle=style, linewidth=2)
            axes.text(x * longest, y * longest, name, color=colour)
            spoken = " ".join(name.split())
            told.append(
                f"{spoken}: {rule.cached_tokens(1000):,} of 1,000, {cached[-1]:,} of {longest:,}"
            )
        axes.set(xlim=(0, longest), ylim=(0, longest * 1.05))
        for axis in (axes.xaxis, axes.yaxis):
            thousands(axis)
        axes.set(xlabel="tokens that two prompts share at their start", ylabel="cached tokens")
        return drawing.done(
            f"Cached tokens against shared tokens, a staircase. {'; '.join(told)}.",
            "What is reused of the tokens that two prompts share: whole blocks, above a minimum.",
        )


def reuse_by_call(trace: Trace) -> LabFigure:
    """Each call of a run: input tokens that came from the cache, and those that were read."""
    parts = [_reused_and_read(call, f"call {n}") for n, call in enumerate(trace.calls, start=1)]
    if not parts:
        raise NothingMeasured("There is nothing to draw: the run made no call.")
    calls = range(1, len(parts) + 1)
    reused = [pair[0] for pair in parts]
    read = [pair[1] for pair in parts]
    share = sum(reused) / (sum(reused) + sum(read))
    with canvas() as drawing:
        axes = drawing.axes
        axes.bar(calls, reused, width=0.8, color=REUSED)
        axes.bar(calls, read, bottom=reused, width=0.8, color=TTFT)
        thousands(axes.yaxis)
        axes.set(xlim=(0.3, len(parts) + 0.7), xlabel="call", ylabel="input tokens")
        drawing.key(_KEY)
        told = f"{share:.0%} reused, the rest read"
        if len(parts) > 1:
            most = max(calls[1:], key=lambda number: read[number - 1])
            told += f". After the first, call {most} reads most: {read[most - 1]:,} tokens"
        return drawing.done(
            f"Input tokens of {len(parts)} calls: {told}.",
            f"{share:.0%} of the input tokens are reused. Where much is read, the call met a "
            "replica that had not seen the conversation for a while.",
        )


def ttft_share_by_context(
    profile: LatencyProfile, output_tokens: int, new_tokens: int, marked: Sequence[int]
) -> LabFigure:
    """TTFT's share of a call as its context grows: read whole, and read from `new_tokens` on."""
    import numpy as np

    def share(context: float, cached: float) -> float:
        ttft_s = profile.ttft_s(round(context), round(cached))
        return ttft_s / (ttft_s + output_tokens * profile.step_s())

    contexts = np.linspace(min(marked), 1.1 * max(marked), 200)
    whole = [share(context, 0) for context in contexts]
    tails = np.linspace(new_tokens, contexts[-1], 2)
    with canvas() as drawing:
        axes = drawing.axes
        axes.plot(contexts, whole, color=TTFT, linewidth=2)
        kept = [share(context, context - new_tokens) for context in tails]
        axes.plot(tails, kept, color=TTFT, linewidth=2, linestyle="--")
        for context in marked:
            at = share(context, 0)
            axes.plot([context], [at], "o", color=INK, markersize=5)
            beside, side = ((-4, 8), "right") if context == max(marked) else ((7, -13), "left")
            drawing.note(context, at, f"{context:,}: {at:.0%}", *beside, ha=side)
        middle = float(contexts[len(contexts) // 2])
        axes.text(middle, share(middle, 0) - 0.12, "prompt read whole", color=TTFT)
        kept_words = f"all but {new_tokens:,} tokens reused"
        axes.text(contexts[-1], kept[0] + 0.03, kept_words, color=TTFT, ha="right")
        axes.set(ylim=(0, 1), xlim=(0, contexts[-1]))
        percent(axes.yaxis)
        thousands(axes.xaxis)
        axes.set(xlabel="input tokens", ylabel="TTFT's share of the call")
        told = ", ".join(f"{share(context, 0):.0%} at {context:,}" for context in marked)
        return drawing.done(
            f"TTFT's share of a call of {output_tokens} output tokens when the prompt is read "
            f"whole: {told} input tokens. When all but {new_tokens:,} are reused it stays at "
            f"{kept[0]:.0%}.",
            f"A call of {output_tokens} output tokens on the {profile.name} profile. Reuse takes "
            "the context's length out of TTFT.",
        )


def ceiling(traces: Mapping[str, Trace]) -> LabFigure:
    """What a whole run is made of, a bar for each; TTFT is all that a TTFT lever can take away."""
    parts = {name: _totals_s(trace, name) for name, trace in traces.items()}
    with canvas(height_in=0.9 + 0.5 * len(parts)) as drawing:
        for row, totals in enumerate(parts.values()):
            coloured = zip(totals, (TTFT, DECODE, TOOL), strict=True)
            bars = ((seconds, colour, f"{seconds:.2f}") for seconds, colour in coloured)
            drawing.bar(-row, *bars, end=f"{sum(totals):.2f} s")
        drawing.rows(list(parts))
        drawing.axes.set_xlabel("seconds of the whole task")
        drawing.key({"TTFT": TTFT, "decode": DECODE, "tools": TOOL})
        told = "; ".join(
            f"{name} {totals[0]:.2f} s of TTFT, {totals[1]:.2f} s of decode, "
            f"{totals[2]:.2f} s of tools"
            for name, totals in parts.items()
        )
        first = next(iter(parts.values()))
        return drawing.done(
            f"What the task is made of: {told}.",
            f"The task under each cache. TTFT is {first[0] / sum(first):.1%} of the first bar.",
        )


def _reused_and_read(call: CallRecord, name: str) -> tuple[int, int]:
    if call.input_tokens is None:
        raise NothingMeasured(
            f"The endpoint reported no usage for {name!r}, so what it reused is not known"
            f"{f': {call.error}' if call.error else ''}."
        )
    reused = call.cached_tokens or 0
    return reused, call.input_tokens - reused


def _ttfts_s(trace: Trace, name: str) -> list[float]:
    ttfts_s = [call.ttft_s for call in trace.calls if call.ttft_s is not None]
    if not ttfts_s or len(ttfts_s) < len(trace.calls):
        raise NothingMeasured(f"The run {name!r} has calls without a TTFT; it cannot be drawn.")
    return ttfts_s


def _totals_s(trace: Trace, name: str) -> tuple[float, float, float]:
    """TTFT, decode and tools of a run in sequence."""
    ttft_s = sum(_ttfts_s(trace, name))
    return ttft_s, sum(call.decode_s or 0.0 for call in trace.calls), trace.tool_s
