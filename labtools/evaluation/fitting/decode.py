"""The length of a lone stream's steps: the same after every prompt, or growing with it.

step = 1 / decode rate + input_tokens / context rate
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from labtools.evaluation.fitting.evidence import Noise, TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.robust import Z95, line, median_interval

RATE, CONTEXT = "decode_tokens_per_s", "decode_context_tokens_per_s"
_LEAST_CALLS = 3
# Steps grow with the prompt where the slope is above so many standard errors.
_CERTAIN = 3.0


def decode_line(calls: Sequence[TimedCall], noise: Noise) -> tuple[Parameter, Parameter]:
    """Decode rate without a context, and the rate at which a context is read; None is infinite."""
    streams = [call for call in calls if call.tpot_s]
    if len(streams) < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} lone streams of two chunks or more"
        return not_probed(RATE, needed), not_probed(CONTEXT, needed)
    tpots_s = [call.tpot_s or 0.0 for call in streams]
    usual_s, (low_s, high_s) = median(tpots_s), median_interval(tpots_s)
    how = f"Median TPOT of {len(streams)} lone calls without a schema."
    flat = Parameter(RATE, 1 / usual_s, "measured", how, 1 / high_s, 1 / low_s)
    points = [(call.input_tokens, call.tpot_s) for call in streams if call.input_tokens]
    lengths = sorted({tokens for tokens, _ in points})
    if len(lengths) < 2:
        return flat, not_probed(CONTEXT, "lone streams after prompts of two lengths")
    found = line([(float(tokens), seconds or 0.0) for tokens, seconds in points])
    how = f"TPOT of {len(points)} lone calls, after prompts of {lengths[0]} to {lengths[-1]} tokens"
    error = Z95 * found.slope_error
    least = noise.of(median(call.decode_s for call in streams))
    grows_s = found.slope * (lengths[-1] - lengths[0])
    certain = found.slope > _CERTAIN * found.slope_error and found.intercept > 0
    if not certain or grows_s <= least * usual_s:
        bound = max(found.slope, 0.0) + error
        low = 1 / bound if bound > 0 else None
        return flat, Parameter(CONTEXT, None, "absent", f"{how}: it does not grow.", low=low)
    how += ": Theil and Sen's line, its {}."
    base_s, base_error_s = found.intercept, Z95 * found.intercept_error
    return (
        Parameter(
            RATE,
            1 / base_s,
            "measured",
            how.format("value at no prompt"),
            1 / (base_s + base_error_s),
            1 / (base_s - base_error_s) if base_s > base_error_s else None,
        ),
        Parameter(
            CONTEXT,
            1 / found.slope,
            "measured",
            how.format("slope"),
            1 / (found.slope + error),
            1 / (found.slope - error),
        ),
    )
