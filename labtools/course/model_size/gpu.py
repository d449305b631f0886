"""What one GPU did: the results of benchmarks/gpu_physics.py, and the profiles that they make.

A profile's figures are fitted by least squares to the relative errors: of decode to all steps of
running streams, of prefill to all prompts, cold and with a cached prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from labtools.errors import ConfigurationError, NothingMeasured, one_of
from labtools.model.profile import LatencyProfile

MEASURED = Path(__file__).with_name("gpu_physics.json")
"""The project's own run; its fields say on which card and when."""
DECODE, OTHER_KERNEL, WITHOUT_GRAPH = "decode", "decode_with_cudnn", "decode_without_graph"


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
        if shape not in self.shapes:
            raise one_of("shape", shape, self.shapes)
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
        self, time_s: float, shape: str, context: int, what: str = DECODE
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
        steps = self.of(shape, DECODE)
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
        for point in results.of(shape, DECODE)
    }


def prefill_errors(results: GpuResults, shape: str, profile: LatencyProfile) -> dict[str, float]:
    """The same of each prompt, by its tokens and those of them that are cached."""
    return {
        f"{point.prompt} - {point.cached}": profile.prefill_s(point.prompt, point.cached)
        / point.median_s
        - 1
        for point in results.of(shape, "prefill")
    }
