"""Jitter and tail: how much calls differ that ought to be alike.

A call's pace is what it took to its last token, less the round trip, over what the profile says.
Lognormal with mean 1, times a factor with some probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from labtools.evaluation.fitting.alone import Alone
from labtools.evaluation.fitting.evidence import COLD, FORMS, TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.reuse import REUSE
from labtools.evaluation.fitting.robust import LEAST_TAIL_FACTOR, Z95, Paces, paces
from labtools.evaluation.labels import Label

_LEAST_CALLS = 6
_RATES = (
    "prefill_tokens_per_s",
    "attention_pairs_per_s",
    "decode_tokens_per_s",
    "decode_context_tokens_per_s",
    REUSE,
)
SIGMA, PROBABILITY, FACTOR = "jitter_sigma", "tail_probability", "tail_factor"


def fit_pace(alone: Alone, calls: Sequence[TimedCall]) -> Alone:
    """With jitter and tail, from lone calls of known length whose schemas are warm.

    The rates until here are those of the middle call. Jitter's mean is 1 and its median is less,
    so they are scaled to the pace of 1.
    """
    profile, noise, cache = alone.profile, alone.noise, alone.profile.prefix_cache
    measured = [pair for call in calls if (pair := _took_and_predicted(alone, call))]
    if len(measured) < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} lone streams with their tokens"
        missing = tuple(not_probed(name, needed) for name in (SIGMA, PROBABILITY, FACTOR))
        return replace(alone, parameters=alone.parameters + missing)
    floor = noise.of(median(took_s for took_s, _ in measured))
    found = paces([math.log(took_s / predicted_s) for took_s, predicted_s in measured], floor)
    sigma = found.sigma if found.sigma > floor else 0.0
    factor = math.exp(found.tail_shift)
    tailed = factor >= LEAST_TAIL_FACTOR
    slower = math.exp(found.centre + sigma**2 / 2)
    profile = profile.but(
        overhead_s=profile.overhead_s * slower,
        prefill_tokens_per_s=profile.prefill_tokens_per_s / slower,
        attention_pairs_per_s=profile.attention_pairs_per_s / slower,
        decode_context_tokens_per_s=profile.decode_context_tokens_per_s / slower,
        decode_tokens_per_s=profile.decode_tokens_per_s / slower,
        prefix_cache=cache and replace(cache, reuse_tokens_per_s=cache.reuse_tokens_per_s / slower),
        jitter_sigma=sigma,
        tail_probability=found.tail_probability if tailed else 0.0,
        tail_factor=factor if tailed else 1.0,
    )
    error = math.exp(Z95 * sigma / math.sqrt(len(measured))) - 1
    parameters = (
        *(_scaled(one, slower, error) for one in alone.parameters),
        _jitter(sigma, floor, len(measured)),
        *(_tail(found, len(measured)) if tailed else _no_tail(len(measured))),
    )
    return Alone(profile, noise, alone.one_pace, parameters, error)


def _took_and_predicted(alone: Alone, call: TimedCall) -> tuple[float, float] | None:
    if call.uncached_tokens is None or not call.tpot_s or not _prompt_is_known(call):
        return None
    profile = alone.profile
    predicted_s = call.prefill_s(profile) + call.later_tokens * call.step_s(profile)
    took_s = call.ttft_s + call.decode_s - profile.rtt_s
    return (took_s, predicted_s) if took_s > 0 and predicted_s > 0 else None


def _prompt_is_known(call: TimedCall) -> bool:
    """Whether its work before the first token is: a cache may be silent, a schema new."""
    if call.label == Label.COLD_SCHEMA:
        return False
    return call.label in (*COLD, *FORMS, Label.WARM_SCHEMA) or bool(call.one.record.cached_tokens)


def _scaled(one: Parameter, slower: float, error: float) -> Parameter:
    """The parameter at the pace of 1; `slower` is the median's, known to within `error`."""
    factors = {"overhead_s": slower, **dict.fromkeys(_RATES, 1 / slower)}
    if one.value is None or one.name not in factors:
        return one
    factor = factors[one.name]
    return replace(one, value=one.value * factor).within(error, factor)


def _jitter(sigma: float, floor: float, count: int) -> Parameter:
    how = f"Spread of the paces of {count} lone calls, whole calls over what the profile says"
    if not sigma:
        return Parameter(SIGMA, 0.0, "absent", f"{how}: no more than the noise.", 0.0, floor)
    error = Z95 * sigma / math.sqrt(2 * count)
    return Parameter(SIGMA, sigma, "measured", f"{how}.", max(0.0, sigma - error), sigma + error)


def _tail(found: Paces, count: int) -> list[Parameter]:
    share, how = found.tail_probability, f"Paces of {count} lone calls as two lognormals, by EM."
    # Wilson's interval for a share.
    middle = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    half /= 1 + Z95**2 / count
    error = Z95 * found.sigma / math.sqrt(share * count)
    factor, low, high = (math.exp(found.tail_shift + e) for e in (0.0, -error, error))
    return [
        Parameter(PROBABILITY, share, "measured", how, max(0.0, middle - half), middle + half),
        Parameter(FACTOR, factor, "measured", how, low, high),
    ]


def _no_tail(count: int) -> list[Parameter]:
    how = f"Fewer than three of {count} lone calls were slower than jitter and noise explain."
    # Hanley's rule: nothing in n calls, so at most 3/n of them.
    return [
        Parameter(PROBABILITY, 0.0, "absent", how, 0.0, min(1.0, 3 / count)),
        Parameter(FACTOR, 1.0, "absent", how),
    ]
