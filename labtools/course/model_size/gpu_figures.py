"""The figures of what one GPU did: a step by its streams, a prompt, and both in one step."""

from __future__ import annotations

from labtools.course.model_size.figures import log_log
from labtools.course.model_size.gpu import DECODE as DECODE_STEP
from labtools.course.model_size.gpu import OTHER_KERNEL, GpuResults
from labtools.plots.canvas import (
    DECODE,
    INK,
    MUTED,
    TTFT,
    WAITING,
    Canvas,
    LabFigure,
    canvas,
)
from labtools.wording import duration, joined


def _name_line(drawing: Canvas, x: float, y: float, words: str, colour: str) -> None:
    drawing.axes.text(1.08 * x, y, words, va="center", color=colour)


def _where(results: GpuResults) -> str:
    return f"{results.card}, driver {results.driver}, PyTorch {results.torch}, {results.date}."


def steps_by_streams(results: GpuResults, large: str, context: int) -> LabFigure:
    """A step of decode by streams of so many tokens, and the lone step of the large model."""
    with canvas(height_in=3.6) as drawing:
        axes = drawing.axes
        log_log(axes, f"streams of {context:,} tokens each", "a step (ms)")
        told = []
        for shape in results.shapes:
            for what, line in ((OTHER_KERNEL, ":s"), (DECODE_STEP, "-o")):
                points = sorted(results.of(shape, what, context=context), key=lambda p: p.batch)
                batches, times = [p.batch for p in points], [1e3 * p.median_s for p in points]
                axes.plot(batches, times, line, color=DECODE, markersize=4, linewidth=1.8)
            _name_line(drawing, batches[-1], times[-1], shape, DECODE)
            told.append(f"{shape} {times[0]:.1f} ms alone and {times[-1]:.1f} at {batches[-1]}")
        alone_ms = 1e3 * results.time_s(large, DECODE_STEP, batch=1, context=context)
        axes.axhline(alone_ms, color=MUTED, linestyle="--", linewidth=1.2)
        axes.text(1, 0.97 * alone_ms, f"the {large} alone", va="top", fontsize=10, color=INK)
        axes.set_xlim(0.9, 1.04 * batches[-1])
        axes.set_ylim(4)
        axes.set_yticks([4, 8, 16, 32])
        axes.set_yticks([], minor=True)
        return drawing.done(
            f"A step by streams of {context:,} tokens each: {joined(told)}.",
            "Lines: FlashAttention. Dotted, with squares: cuDNN's attention. Medians of up to 20. "
            f"{_where(results)}",
        )


def prompts(results: GpuResults) -> LabFigure:
    """Prefill by the prompt, measured and as the fitted profile has it, with attention and not."""
    with canvas(height_in=3.6) as drawing:
        axes = drawing.axes
        log_log(axes, "input tokens", "prefill (seconds)")
        told = []
        for shape in results.shapes:
            points = results.of(shape, "prefill", cached=0)
            profile = results.profile(shape)
            linear = profile.but(attention_pairs_per_s=float("inf"))
            lengths = [p.prompt for p in points]
            axes.plot(lengths, [p.median_s for p in points], "o", color=TTFT, markersize=5)
            for model, line in ((profile, "-"), (linear, ":")):
                axes.plot(lengths, [model.prefill_s(n) for n in lengths], line, color=TTFT)
            last = points[-1]
            _name_line(drawing, last.prompt, last.median_s, shape, TTFT)
            told.append(
                f"{shape} {duration(points[0].median_s)} for {points[0].prompt:,} tokens and "
                f"{duration(last.median_s)} for {last.prompt:,}"
            )
        axes.set_xlim(lengths[0] / 1.1, 1.7 * lengths[-1])  # room for the names
        axes.set_ylim(0.01)
        axes.set_xticks(lengths[1::2])
        axes.set_xticks([], minor=True)
        return drawing.done(
            f"Prefill by the length of the prompt: {joined(told)}.",
            "Dots: measured. Lines: the fitted profile. Dotted: the same without attention, in "
            f"proportion to the prompt. {_where(results)}",
        )


def steps_with_a_chunk(results: GpuResults, shape: str, streams: int) -> LabFigure:
    """A step of running streams that also carries a chunk of a prompt, and the model's sum."""
    points = results.of(shape, "chunk", batch=streams)
    context, profile = points[0].context, results.profile(shape)
    alone_s = results.time_s(shape, DECODE_STEP, batch=streams, context=context)
    with canvas(height_in=3.4) as drawing:
        axes = drawing.axes
        log_log(axes, "tokens of the prompt in the step", "a step (ms)")
        sizes = [point.chunk for point in points]
        found = [1e3 * point.median_s for point in points]
        summed = [
            1e3 * (alone_s + profile.compute_s(point.start, point.start + point.chunk))
            for point in points
        ]
        axes.axhline(1e3 * alone_s, color=WAITING, linestyle="--", linewidth=1.5)
        axes.text(sizes[-1], 1.06e3 * alone_s, "without a prompt", ha="right", fontsize=10)
        axes.plot(sizes, summed, ":", color=MUTED, linewidth=2)
        axes.plot(sizes, found, "-o", color=DECODE, markersize=5)
        _name_line(drawing, sizes[-1], found[-1], "measured", DECODE)
        axes.set_xlim(sizes[0] / 1.1, 1.04 * sizes[-1])
        axes.set_ylim(4)
        axes.set_xticks(sizes[::2])
        axes.set_xticks([], minor=True)
        told = joined(f"{n:,} tokens {ms:.1f} ms" for n, ms in zip(sizes, found, strict=True))
        return drawing.done(
            f"A step of {streams} streams that carries a part of a prompt, in the {shape}: {told}. "
            f"Without a prompt {1e3 * alone_s:.1f} ms.",
            f"{streams} streams of {context:,} tokens. Dotted: the step alone plus the chunk "
            f"alone, as the latency model has it. {_where(results)}",
        )
