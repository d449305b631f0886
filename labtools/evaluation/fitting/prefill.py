"""TTFT by the length of the prompt: overhead and prefill rate, as a straight line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from labtools.evaluation.fitting.evidence import Noise
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.robust import Z95, line

OVERHEAD, RATE = "overhead_s", "prefill_tokens_per_s"


def prompt_line(points: Sequence[tuple[float, float]], noise: Noise) -> tuple[Parameter, Parameter]:
    """Overhead and prefill rate from (uncached input tokens, TTFT less the round trip).

    An overhead below 0 becomes 0, and the line is drawn again through it. A rate of None is
    infinite: TTFT does not grow with the prompt beyond the noise.
    """
    lengths = sorted({tokens for tokens, _ in points})
    if not lengths:
        needed = "cold prompts of known length that are answered"
        return not_probed(OVERHEAD, needed), not_probed(RATE, needed)
    calls = f"{len(points)} cold, lone TTFTs less the round trip"
    usual_s = median(y for _, y in points)
    if len(lengths) == 1:
        how = f"{calls}, all of {lengths[0]:g} tokens; the profile takes it all for overhead."
        return (
            Parameter(OVERHEAD, max(0.0, usual_s), "not_identifiable", how),
            Parameter(RATE, None, "not_identifiable", how),
        )
    found = line(points)
    how = f"{calls}, against uncached input tokens: Theil and Sen's line"
    overhead_s, error_s = found.intercept, Z95 * found.intercept_error
    span, slope_error = lengths[-1] - lengths[0], Z95 * found.slope_error
    if found.slope * span <= max(noise.of(usual_s) * usual_s, slope_error * span):
        flat = f"{how} does not rise from {lengths[0]:g} to {lengths[-1]:g} tokens."
        bound = max(found.slope, 0.0) + slope_error
        rate = Parameter(RATE, None, "absent", flat, low=1 / bound if bound else None)
        return _overhead(usual_s, error_s, f"{calls}, their median."), rate
    slope = found.slope
    if overhead_s <= max(error_s, noise.rounding_s):
        slope = median(y / x for x, y in points if x)
        overhead = Parameter(
            OVERHEAD, 0.0, "absent", f"{how} begins at 0.", 0.0, max(0.0, overhead_s + error_s)
        )
    else:
        overhead = _overhead(overhead_s, error_s, f"{how}, at 0 tokens.")
    fastest = 1 / (slope - slope_error) if slope > slope_error else math.inf
    return overhead, Parameter(
        RATE, 1 / slope, "measured", f"{how}, its slope.", 1 / (slope + slope_error), fastest
    )


def _overhead(seconds: float, error_s: float, how: str) -> Parameter:
    low, high = (max(0.0, bound) for bound in (seconds - error_s, seconds + error_s))
    if seconds <= 0:
        return Parameter(OVERHEAD, 0.0, "absent", how, low, high)
    return Parameter(OVERHEAD, seconds, "measured", how, low, high)
