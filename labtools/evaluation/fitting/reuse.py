"""What a cached token takes: less than a computed one, but an engine still reads it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from labtools.evaluation.fitting.alone import Alone
from labtools.evaluation.fitting.evidence import TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.robust import median_interval

REUSE = "prefix_cache.reuse_tokens_per_s"


def reuse_rate(alone: Alone, repeats: Sequence[TimedCall]) -> Parameter:
    """From prompts that were sent again: TTFT beyond what overhead and the uncached rest explain.

    A rate of None is infinite: no time beyond what the noise and the overhead's error may be.
    """
    hits = [call for call in repeats if call.cached_tokens]
    if not hits:
        return not_probed(REUSE, "a repeated prompt that hits")
    left_s = [_left_s(alone, call) for call in hits]
    usual_s = median(call.ttft_s for call in hits)
    noise_s = max(alone.noise.of(usual_s) * usual_s, alone.noise.rounding_s)
    unsure_s = max(noise_s, _overhead_error_s(alone))
    low_s, high_s = median_interval(left_s)
    tokens = median(call.cached_tokens for call in hits)
    how = f"TTFT of {len(hits)} repeated prompts, less the overhead and what was not cached"
    if low_s <= unsure_s:
        how = f"{how}: nothing is left for {tokens:,.0f} cached tokens."
        return Parameter(REUSE, None, "absent", how, low=tokens / max(high_s, unsure_s))
    rates = [call.cached_tokens / s for call, s in zip(hits, left_s, strict=True) if s > 0]
    low, high = median_interval(rates)
    return Parameter(REUSE, median(rates), "measured", f"{how}, a cached token.", low, high)


def _left_s(alone: Alone, call: TimedCall) -> float:
    work_s = (call.ttft_s - alone.profile.rtt_s) / alone.pace_of_decode(call)
    return work_s - call.prefill_s(alone.profile)


def _overhead_error_s(alone: Alone) -> float:
    for one in alone.parameters:
        if one.name == "overhead_s" and one.high is not None:
            return one.high - (one.value or 0.0)
    return 0.0
