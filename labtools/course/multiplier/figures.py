"""The figures on the multiplier: one call, twenty calls, break-even, Amdahl's law, tails."""

from __future__ import annotations

import asyncio
import html
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from labtools.errors import NothingMeasured
from labtools.lab.connect import connect
from labtools.lab.lab import Lab
from labtools.lab.trace import Trace
from labtools.model.metrics import amdahl_speedup, chance_one_exceeds
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile
from labtools.model.tokens import prompt_of
from labtools.plots.canvas import LabFigure, canvas, percent
from labtools.plots.colours import DECODE, INK, MUTED, TOOL, TTFT
from labtools.plots.timeline import span_bar
from labtools.records import CallRecord

if TYPE_CHECKING:
    import ipywidgets

REFRESH_S = 0.1
_SHOWN_CHARS = 400
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
            f"The parts of one call: {told}.",
            "A call of the same length on each endpoint, from the request to the last token.",
        )


def race(traces: Mapping[str, Trace]) -> LabFigure:
    """The same run on several endpoints, one under the other, on one time axis."""
    with canvas(height_in=0.9 + 0.6 * len(traces)) as drawing:
        axes = drawing.axes
        for row, trace in enumerate(traces.values()):
            for span in trace.spans:
                if span.kind != "group":
                    span_bar(axes, -row, span, trace.started_at, height=0.5)
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
        for index, (name, even, _) in enumerate(sorted(told, key=lambda row: row[1])):
            beside, side = ((-6, -16), "right") if index == 0 else ((8, 8), "left")
            drawing.note(even, 0.5, f"{name}: {even:.0f}", *beside, ha=side)
        axes.set(ylim=(0, 1), xlim=(0, tokens[-1]))
        percent(axes.yaxis)
        axes.set(xlabel="output tokens", ylabel="TTFT's share of the call")
        words = "; ".join(
            f"{name} breaks even at {even:.0f} tokens and is at {share:.0%} with {marked_tokens}"
            for name, even, share in told
        )
        return drawing.done(
            f"TTFT's share of a call falls as the answer grows: {words}.",
            "At the dots, the break-even lengths, decode takes as long as TTFT.",
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
        axes.set(xlim=(0, 1), ylim=(1, factor * 1.02))
        percent(axes.xaxis)
        axes.set(xlabel="inference's share of the wall clock", ylabel="end-to-end speed-up (times)")
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
            f"What calls {factor:g} times faster are worth for the whole task. The grey band is a "
            f"share of {share_low:.0%} to {share_high:.0%}.",
        )


def chance_of_a_slow_call(marked: Sequence[int]) -> LabFigure:
    """The chance that at least one of n calls is slower than its p95."""
    calls = range(1, round(max(marked) * 1.15) + 1)
    with canvas() as drawing:
        axes = drawing.axes
        axes.plot(calls, [chance_one_exceeds(n, 0.95) for n in calls], color=DECODE, linewidth=2)
        for n in marked:
            chance = chance_one_exceeds(n, 0.95)
            axes.plot([n], [chance], "o", color=INK, markersize=5)
            drawing.note(n, chance, f"{n} calls: {chance:.0%}", 6, -14)
        axes.set(ylim=(0, 1), xlim=(0, calls[-1]))
        percent(axes.yaxis)
        axes.set(xlabel="calls in the run", ylabel="runs with a call above p95")
        told = ", ".join(f"{chance_one_exceeds(n, 0.95):.0%} with {n} calls" for n in marked)
        return drawing.done(
            f"The chance that a run meets a call slower than its p95: {told}.",
            "How likely a run meets at least one call above the p95, if calls are independent.",
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
            f"The claim to be checked is {claimed[0]:.0%} to {claimed[1]:.0%}.",
            "The grey band is what is often claimed. At worst: what the tools leave for inference.",
        )


def race_live(profiles: Sequence[str] = ("slow", "fast"), calls: int = 5) -> ipywidgets.VBox:
    """The same calls on several profiles at once, streaming in real time: a widget.

    A button simulates the race and then shows it as slowly as it was; `calls` is where the slider
    stands.
    """
    import ipywidgets as widgets

    count = widgets.IntSlider(calls, 1, 20, description="calls")
    button = widgets.Button(description="Start", button_style="primary")
    panes = {name: widgets.HTML(_pane(name, 0, count.value, 0.0, "")) for name in profiles}

    def start(_: object) -> None:
        with connect("sim", profile={name: name for name in profiles}) as lab:
            moments = lab.run(_race(lab, profiles, count.value)).result
        button.disabled = True
        loop = asyncio.get_running_loop()
        for seconds, name, text in moments:
            loop.call_later(seconds, setattr, panes[name], "value", text)
        loop.call_later(moments[-1][0], setattr, button, "disabled", False)

    button.on_click(start)
    boxes = [
        widgets.Box([pane], layout={"width": f"{100 // len(panes)}%"}) for pane in panes.values()
    ]
    return widgets.VBox([widgets.HBox([count, button]), widgets.HBox(boxes)])


async def _race(lab: Lab, names: Sequence[str], calls: int) -> list[tuple[float, str, str]]:
    """At which second, in whose pane, what."""
    moments: list[tuple[float, str, str]] = []
    await asyncio.gather(*(_stream_calls(lab, name, calls, moments) for name in names))
    return moments


async def _stream_calls(
    lab: Lab, name: str, calls: int, moments: list[tuple[float, str, str]]
) -> None:
    loop = asyncio.get_running_loop()
    started_at = shown_at = loop.time()
    text = ""

    def say(done: int) -> None:
        seconds = loop.time() - started_at
        moments.append((seconds, name, _pane(name, done, calls, seconds, text)))

    for done in range(calls):
        create: Any = lab.client.chat.completions.create
        stream = await create(
            model=name,
            messages=prompt_of(DEFAULT_INPUT_TOKENS, random.Random(done)),
            extra_body={"mock": {"output_tokens": 100}},
            stream=True,
        )
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if loop.time() - shown_at > REFRESH_S:
                shown_at = loop.time()
                say(done)
        text += " ¶ "
        say(done + 1)


def _pane(name: str, done: int, calls: int, seconds: float, text: str) -> str:
    shown = html.escape(text[-_SHOWN_CHARS:])
    return (
        f"<b>{html.escape(name)}</b>: {done} of {calls} calls, {seconds:.1f} s"
        f"<div style='height:9em; overflow:hidden; font-family:monospace; font-size:0.85em; "
        f"line-height:1.3; margin-right:1em'>{shown}</div>"
    )
