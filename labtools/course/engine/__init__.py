"""What a real engine did, how well the mock foretold it, and the figures of both.

`PHYSICS` is the output of benchmarks/engine_physics.py, `PREDICTION` that of
benchmarks/engine_prediction.py; each says in `source` on what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from labtools.course import data
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import LabFigure, canvas, require_some, thousands
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, MUTED, TTFT
from labtools.read_back import read_back
from labtools.wording import duration, joined, signed_share

PHYSICS: dict[str, Any] = data("engine/engine_physics.json")
PREDICTION: dict[str, Any] = data("engine/engine_prediction.json")


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """One part of one program, over all runs: medians in seconds, errors as shares."""

    measured_s: float
    predicted_s: float
    errors: tuple[float, ...]
    """Of each run: predicted over measured, less 1."""

    @property
    def error(self) -> float:
        return median(self.errors)


def held_against(program: str, part: str) -> HeldAgainst:
    """How a part of a program, "chain" or "agents", was predicted and measured.

    A part is "end_to_end_s", from its first call to its last, or where all its calls' time went:
    "ttft_cold_s", "ttft_warm_s" (more than half of the prompt was cached) or "decode_s".
    """
    measured = [run[part] for run in PREDICTION["measured"][program]]
    predicted = [run[part] for run in PREDICTION["predicted"][program]]
    errors = tuple(p / m - 1 for p, m in zip(predicted, measured, strict=True))
    return HeldAgainst(median(measured), median(predicted), errors)


def fitted_profile() -> LatencyProfile:
    """The engine as the mock imitates it, fitted to another evaluation of it."""
    return read_back(LatencyProfile, PREDICTION["profile"], "engine_prediction.json, profile")


def ttft_cold_and_warm(points: Sequence[tuple[int, float, float]]) -> LabFigure:
    """TTFT in seconds by input tokens, cold and again, and what proportion would make of it."""
    require_some(points, "measurement")
    lengths = [tokens for tokens, _, _ in points]
    first, first_s, _ = points[0]
    with canvas(height_in=3.3) as drawing:
        axes = drawing.axes
        straight = [first_s * tokens / first for tokens in lengths]
        axes.plot(lengths, straight, "--", color=MUTED, linewidth=1.5)
        axes.plot(lengths, [cold for _, cold, _ in points], "-o", color=TTFT, linewidth=2)
        axes.plot(lengths, [warm for _, _, warm in points], "-s", color=HIGHLIGHT, linewidth=2)
        last, cold_s, warm_s = points[-1]
        for text, y in (("cold", cold_s), ("in proportion", straight[-1]), ("warm", warm_s)):
            drawing.label_end(last, y, text, gap_points=8)
        axes.set(xlim=(0, 1.03 * last), ylim=-0.02 * cold_s)
        thousands(axes.xaxis)
        axes.set(xlabel="input tokens", ylabel="TTFT (seconds)")
        told = joined(f"{duration(c)} at {n:,}, {duration(w)} warm" for n, c, w in points)
        return drawing.done(
            f"TTFT of the engine by the length of the prompt: {told}. In proportion to the "
            f"shortest, the longest would take {duration(straight[-1])}.",
            "Cold: nobody has sent the prompt. Warm: the same again. The dashed line is the "
            "shortest prompt's TTFT in proportion to the length.",
        )


def steps_by_context(
    points: Sequence[tuple[int, float]], base_s: float, token_s: float
) -> LabFigure:
    """TPOT in seconds of lone streams by input tokens, and the fitted line through them."""
    require_some(points, "measurement")
    longest = points[-1][0]
    with canvas(height_in=3.0) as drawing:
        axes = drawing.axes
        ends = (0, longest)
        axes.plot(ends, [1e3 * (base_s + n * token_s) for n in ends], color=MUTED, linewidth=1.5)
        axes.plot([n for n, _ in points], [1e3 * s for _, s in points], "o", color=DECODE)
        axes.set(xlim=(0, 1.05 * longest), ylim=(0, None))
        thousands(axes.xaxis)
        axes.set(xlabel="input tokens before the answer", ylabel="a step of decode (ms)")
        told = joined(f"{duration(s)} after {n:,} tokens" for n, s in points)
        return drawing.done(
            f"A lone stream's step: {told}. The fitted line begins at {duration(base_s)}.",
            "Median TPOT of lone calls of 16 tokens. The line is the fit's, to all lone calls.",
        )


def held_against_engine(rows: Mapping[str, tuple[float, float, Sequence[float]]]) -> LabFigure:
    """Seconds measured and predicted under each name, and the errors of each run as shares."""
    require_some(rows, "measurement")
    with canvas(height_in=1.2 + 0.62 * len(rows)) as drawing:
        told = []
        for row, (name, (measured_s, predicted_s, errors)) in enumerate(rows.items()):
            drawing.bar(-row + 0.18, (measured_s, INK, ""), height=0.32)
            drawing.bar(-row - 0.18, (predicted_s, DECODE, ""), height=0.32)
            middle, least, most = map(signed_share, (median(errors), min(errors), max(errors)))
            error = f"{middle} ({least} to {most})"
            drawing.label_end(max(measured_s, predicted_s), -row, error, fontsize=10)
            one_line = name.replace("\n", " ")
            told.append(
                f"{one_line} {duration(measured_s)} measured, {duration(predicted_s)} predicted, "
                f"{error}"
            )
        drawing.rows(list(rows))
        drawing.axes.set_xlabel("seconds")
        drawing.key({"measured on the engine": INK, "predicted by the mock": DECODE})
        return drawing.done(
            f"Prediction against measurement: {'; '.join(told)}.",
            "Medians over the runs; behind each pair of bars the median error and its range.",
        )
