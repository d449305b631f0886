"""What one GPU did: the results of benchmarks/gpu_physics.py, their profiles and their figures.

A profile's figures are fitted by least squares to the relative errors: of decode to all steps of
running streams, of prefill to all prompts, cold and with a cached prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from labtools.course.model_size.figures import log_log
from labtools.errors import ConfigurationError, NothingMeasured, require_one_of
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import Canvas, LabFigure, canvas
from labtools.plots.colours import DECODE, INK, MUTED, TTFT, WAITING
from labtools.wording import duration, joined

MEASURED = Path(__file__).with_name("gpu_physics.json")
"""The project's own run; its fields say on which card and when."""
STEP, OTHER_KERNEL = "decode", "decode_with_cudnn"


class Point(BaseModel):
    """The times of one piece of work. What does not apply to it is 0."""

    what: str
    shape: str = ""
    batch: int = 0
    context: int = 0
    prompt: int = 0
    cached: int = 0
    start: int = 0
    chunk: int = 0
    bytes: int = 0
    median_s: float
    least_s: float
    most_s: float


class Shape(BaseModel):
    """A model's sizes, as far as its times follow from them."""

    name: str
    parameters: int
    weight_bytes_read: int
    kv_bytes_per_token: int


class GpuResults(BaseModel):
    """A run of the benchmark."""

    card: str = "CPU"
    driver: str = "none"
    torch: str
    date: str
    shapes: dict[str, Shape]
    points: list[Point]

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Of a large copy, bytes read and bytes written: the ceiling that was measured."""
        (copy,) = (point for point in self.points if point.what == "copy")
        return copy.bytes / copy.median_s

    def of(self, shape: str, what: str, **labels: int) -> list[Point]:
        """The points of a shape and a kind with these labels."""
        require_one_of("shape", shape, self.shapes)
        return [
            point
            for point in self.points
            if (point.shape, point.what) == (shape, what)
            and all(getattr(point, name) == value for name, value in labels.items())
        ]

    def time_s(self, shape: str, what: str, **labels: int) -> float:
        """The median of the one point that has these labels."""
        found = self.of(shape, what, **labels)
        if len(found) != 1:
            raise NothingMeasured(f"{len(found)} points are {shape} {what} {labels}; it takes one.")
        return found[0].median_s

    def bound_s(self, shape: str, tokens: int) -> float:
        """A step's least time: reading the weights, and the cache of so many tokens."""
        sizes = self.shapes[shape]
        read = sizes.weight_bytes_read + tokens * sizes.kv_bytes_per_token
        return read / self.bandwidth_bytes_per_s

    def streams_to_reach(
        self, time_s: float, shape: str, context: int, what: str = STEP
    ) -> float | None:
        """Streams at which a step takes so long, between two measured points; None: at none."""
        points = sorted(self.of(shape, what, context=context), key=lambda point: point.batch)
        for fewer, more in pairwise(points):
            if fewer.median_s < time_s <= more.median_s:
                share = (time_s - fewer.median_s) / (more.median_s - fewer.median_s)
                return fewer.batch + share * (more.batch - fewer.batch)
        return None

    def profile(self, shape: str) -> LatencyProfile:
        """The shape on this card as a profile, with neither network nor queue."""
        steps = self.of(shape, STEP)
        alone_s, further_s, token_s = _fitted(
            steps, lambda p: (1.0, p.batch - 1, p.batch * p.context)
        )
        prompts = self.of(shape, "prefill")
        start_s, linear_s, pair_s = _fitted(
            prompts,
            lambda p: (1.0, p.prompt - p.cached, (p.prompt**2 - p.cached**2) / 2),
        )
        return LatencyProfile(
            name=f"{self.card.split()[-1].lower()}-{shape.lower()}",
            source=f"Measured: the shape of {self.shapes[shape].name} in bf16, random weights, on "
            f"one {self.card}, driver {self.driver}, PyTorch {self.torch}, {self.date}.",
            overhead_s=start_s,
            prefill_tokens_per_s=1 / linear_s,
            attention_pairs_per_s=1 / pair_s,
            decode_tokens_per_s=1 / alone_s,
            batch_penalty=further_s / alone_s,
            decode_context_tokens_per_s=1 / token_s,
        )


def gpu_results(path: Path = MEASURED) -> GpuResults:
    """The results in a file. Raises ConfigurationError that names it."""
    try:
        return GpuResults.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} holds no results of benchmarks/gpu_physics.py: {error}"
        ) from None


def _fitted(points: Sequence[Point], terms: Callable[[Point], Iterable[float]]) -> list[float]:
    rows = np.array([[term / point.median_s for term in terms(point)] for point in points])
    if len(points) < 3 or np.linalg.matrix_rank(rows) < 3:
        raise NothingMeasured(
            f"{len(points)} points do not tell the terms of the latency model apart. "
            "Run benchmarks/gpu_physics.py with a longer --time-limit-s."
        )
    found: list[float] = np.linalg.lstsq(rows, np.ones(len(points)), rcond=None)[0].tolist()
    return found


def step_errors(results: GpuResults, shape: str, profile: LatencyProfile) -> dict[str, float]:
    """Predicted over measured, less 1, of each step of running streams, by batch and context."""
    return {
        f"{point.batch} x {point.context}": profile.step_s(
            point.batch, context_tokens=point.batch * point.context
        )
        / point.median_s
        - 1
        for point in results.of(shape, STEP)
    }


def prefill_errors(results: GpuResults, shape: str, profile: LatencyProfile) -> dict[str, float]:
    """The same of each prompt, by its tokens and those of them that are cached."""
    return {
        f"{point.prompt} - {point.cached}": profile.prefill_s(point.prompt, point.cached)
        / point.median_s
        - 1
        for point in results.of(shape, "prefill")
    }


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
            for what, line in ((OTHER_KERNEL, ":s"), (STEP, "-o")):
                points = sorted(results.of(shape, what, context=context), key=lambda p: p.batch)
                batches, times = [p.batch for p in points], [1e3 * p.median_s for p in points]
                axes.plot(batches, times, line, color=DECODE, markersize=4, linewidth=1.8)
            _name_line(drawing, batches[-1], times[-1], shape, DECODE)
            told.append(f"{shape} {times[0]:.1f} ms alone and {times[-1]:.1f} at {batches[-1]}")
        alone_ms = 1e3 * results.time_s(large, STEP, batch=1, context=context)
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
    alone_s = results.time_s(shape, STEP, batch=streams, context=context)
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
