"""What a schema adds: to each step, and to the first call that brings it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from labtools.evaluation.fitting.alone import Alone
from labtools.evaluation.fitting.evidence import FORMS, TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.robust import median_interval
from labtools.evaluation.labels import Label

FACTOR, COMPILE = "structured_factor", "schema_compile_s"
_LEAST_PAIRS = 3


def fit_factor(alone: Alone, calls: Sequence[TimedCall]) -> Alone:
    """TPOT with a schema over TPOT without, within each round: tool calls where there are any."""
    freeform = {call.one.block: call for call in calls if call.label == Label.FREEFORM}
    for form in FORMS:
        pairs = [
            (call, freeform[call.one.block])
            for call in calls
            if call.label == form and call.tpot_s and call.one.block in freeform
        ]
        if len(pairs) >= _LEAST_PAIRS:
            return _with_factor(alone, form, pairs)
    needed = f"{_LEAST_PAIRS} rounds of a freeform and a structured stream"
    return replace(alone, parameters=(*alone.parameters, not_probed(FACTOR, needed)))


def _with_factor(alone: Alone, form: Label, pairs: list[tuple[TimedCall, TimedCall]]) -> Alone:
    ratios = [
        _slower(alone, bound) / _slower(alone, free)
        for bound, free in pairs
        if bound.tpot_s and free.tpot_s
    ]
    factor, (low, high) = median(ratios), median_interval(ratios)
    least = alone.noise.of(median(bound.decode_s for bound, _ in pairs))
    how = f"TPOT of {form} over freeform, median of {len(ratios)} rounds."
    if abs(factor - 1) <= least or low <= 1 <= high:
        found = Parameter(FACTOR, 1.0, "absent", how, low, high)
    else:
        found = Parameter(FACTOR, factor, "measured", how, low, high)
    profile = alone.profile.but(structured_factor=found.value)
    return replace(alone, profile=profile, parameters=(*alone.parameters, found))


def _slower(alone: Alone, call: TimedCall) -> float:
    """A call's TPOT over that of a lone call without a schema and of the same length and pace."""
    return (call.tpot_s or 0.0) / call.step_s(alone.profile) / alone.pace_of_prefill(call)


def fit_compile(alone: Alone, calls: Sequence[TimedCall]) -> Alone:
    """TTFT of a schema's first call less that of its second, less what their lengths explain."""
    warm = {call.one.block: call for call in calls if call.label == Label.WARM_SCHEMA}
    differences_s = [
        _beyond_prompt_s(alone, call) - _beyond_prompt_s(alone, warm[call.one.block])
        for call in calls
        if call.label == Label.COLD_SCHEMA and call.one.block in warm
    ]
    if len(differences_s) < _LEAST_PAIRS:
        needed = f"{_LEAST_PAIRS} new schemas, each asked for twice"
        return replace(alone, parameters=(*alone.parameters, not_probed(COMPILE, needed)))
    seconds, (low, high) = median(differences_s), median_interval(differences_s)
    usual_s = median(call.ttft_s for call in warm.values())
    how = f"TTFT of a new schema's first call less its second, median of {len(differences_s)}."
    if seconds <= alone.noise.of(usual_s) * usual_s or low <= 0:
        found = Parameter(COMPILE, 0.0, "absent", how, 0.0, max(0.0, high))
    else:
        found = Parameter(COMPILE, seconds, "measured", how, low, high).within(alone.pace_error)
    profile = alone.profile.but(schema_compile_s=found.value)
    return replace(alone, profile=profile, parameters=(*alone.parameters, found))


def _beyond_prompt_s(alone: Alone, call: TimedCall) -> float:
    """What the TTFT of a structured call holds that its prompt does not explain, at pace 1."""
    profile, pace = alone.profile, 1.0
    if alone.one_pace and call.tpot_s:
        pace = call.tpot_s / call.step_s(profile)
    work_s = (call.ttft_s - profile.rtt_s) / pace
    return work_s - call.prefill_s(profile)
