"""The lone call: overhead, prefill, attention, reuse, decode, schemas and jitter.

    ttft = rtt + pace * (overhead + uncached / prefill rate + pairs / attention rate
                         + cached / reuse rate)
    step = pace * (1 / decode rate + input_tokens / context rate)

All calls without a schema make one system of these terms. A call's pace may be one factor for all
of it, or its prefill and its decode may be slow apart. The calls say which: where TTFT over step
scatters less than TTFT, it is one factor. The schema's two figures are paired, round by round:
what a provider adds to every structured call would otherwise count as overhead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from labtools.evaluation.fitting.evidence import (
    COLD,
    FORMS,
    LONE,
    Noise,
    TimedCall,
    lone_calls,
    noise_on,
    timed_pairs,
)
from labtools.evaluation.fitting.result import Parameter, not_probed
from labtools.evaluation.fitting.robust import NO_JITTER, Paces, fit_jitter
from labtools.evaluation.fitting.terms import Term, fit_terms
from labtools.evaluation.observations import Measured
from labtools.evaluation.plan import AxisName, Label
from labtools.evaluation.statistics import interval
from labtools.model.metrics import Z95
from labtools.model.profile import LatencyProfile, PrefixCache

OVERHEAD, REUSE = "overhead_s", "prefix_cache.reuse_tokens_per_s"
PREFILL, ATTENTION = "prefill_tokens_per_s", "attention_pairs_per_s"
DECODE, CONTEXT = "decode_tokens_per_s", "decode_context_tokens_per_s"
FACTOR, COMPILE = "structured_factor", "schema_compile_s"
_LEAST_CALLS = 3
# One pace a call, when it takes this much of the scatter away.
_SHARED_BELOW = 0.7
# One in three hundred terms without effect is that many standard errors from 0.
_CERTAIN = 3.0
_LIKELY = Z95
# Lengths closer than this are one: a tokenizer's counts differ by a few tokens.
_APART = 1.2


@dataclass(frozen=True, slots=True)
class Draft:
    """The profile as far as it is fitted, and what a call's halves say of its pace."""

    profile: LatencyProfile
    """Decodes infinitely fast where no decode could be measured."""
    noise: Noise
    one_pace: bool = False
    """Whether a call's prefill and decode are slow together."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    pace: Paces = NO_JITTER

    def but(self, *parameters: Parameter, **changes: Any) -> Draft:
        """With fields of the profile changed, and what was found of them."""
        found = {**self.parameters, **{parameter.name: parameter for parameter in parameters}}
        return replace(self, profile=self.profile.but(**changes), parameters=found)

    def pace_of_prefill(self, call: TimedCall, work_s: float) -> float:
        """What a prefill of `work_s` says of the same call's decode."""
        if not self.one_pace or call.uncached_tokens is None or work_s <= 0:
            return 1.0
        return work_s / call.prefill_s(self.profile)

    def work_s(self, call: TimedCall) -> float:
        """What came before the first token of a call that found a slot at once, at pace 1."""
        shared = self.one_pace and call.tpot_s
        pace = call.tpot_s / call.step_s(self.profile) if shared and call.tpot_s else 1.0
        return (call.ttft_s - self.profile.rtt_s) / pace


def fit_lone_calls(measured: Measured) -> Draft:
    """All that lone calls tell, but for the cache's sizes and a schema's first call."""
    calls, noise = lone_calls(measured), noise_on(measured, *LONE)
    rtt = _round_trip(measured.round_trips_s, noise)
    base = LatencyProfile(measured.identity.name, math.inf, rtt_s=rtt.value or 0.0)
    plain = [call for call in calls if not call.structured]
    of_prompt, no_prompt = _terms_of_prompts(plain, base.rtt_s, noise)
    of_step, no_step = _terms_of_steps(plain, noise)
    terms = [*of_prompt, *of_step]
    unknown = {figure.name: figure for figure in (*no_prompt, *no_step)}
    work_s = [call.ttft_s - base.rtt_s if _work_is_known(call) else math.nan for call in plain]
    step_s = [call.tpot_s if of_step and call.tpot_s else math.nan for call in plain]
    apart, together = (
        fit_terms(terms, work_s, step_s, one_pace=shared) for shared in (False, bool(of_step))
    )
    one_pace = together.scatter < _SHARED_BELOW * apart.scatter
    found = together if one_pace else apart
    seconds = {name: estimate.value for name, estimate in found.found.items()}
    seconds |= {name: figure.value for name, figure in unknown.items() if figure.value}
    draft = Draft(_with(base, seconds), noise, one_pace)
    factor = _factor(draft, measured)
    draft = replace(draft, profile=draft.profile.but(structured_factor=factor.value or 1.0))
    pace, jitter = _jitter(draft, calls)
    how = (
        f"{len(plain)} lone calls without a schema, their TTFTs less the round trip and their "
        "TPOTs, against all terms at once: least squares, wild values limited (Huber)"
    )

    def parameter(name: str) -> Parameter:
        is_rate = name != OVERHEAD
        return unknown.get(name) or found.parameter(name, how, pace, is_rate=is_rate)

    terms_before = map(parameter, (OVERHEAD, PREFILL, ATTENTION, DECODE, CONTEXT))
    slower = {term: s * pace.slower for term, s in seconds.items()}
    draft = replace(draft, profile=_with(draft.profile, slower), pace=pace)
    return draft.but(
        *(rtt, *terms_before, factor, *jitter, parameter(REUSE)),
        jitter_sigma=pace.sigma,
        tail_probability=pace.tail_probability,
        tail_factor=math.exp(pace.tail_shift),
    )


def _round_trip(round_trips_s: Sequence[float], noise: Noise) -> Parameter:
    """The smallest, for whatever disturbs an exchange adds to it. The rest is overhead."""
    if not round_trips_s:
        return not_probed("rtt_s", "an answer to GET /models/NAME; the overhead holds it")
    least_s = min(round_trips_s)
    how = f"The shortest of {len(round_trips_s)} exchanges without inference, GET /models/NAME."
    if least_s <= noise.rounding_s:
        return Parameter("rtt_s", 0.0, "absent", how, 0.0, least_s)
    return Parameter("rtt_s", least_s, "measured", how, least_s, median(round_trips_s))


def _work_is_known(call: TimedCall) -> bool:
    """Whether a call without a schema says what was computed for it: a cache may be silent."""
    known = call.label in COLD or call.cached_tokens > 0
    return known and call.uncached_tokens is not None


def _terms_of_prompts(
    calls: Sequence[TimedCall], rtt_s: float, noise: Noise
) -> tuple[list[Term], list[Parameter]]:
    """Overhead, prefill, attention and reuse, as far as the prompts' lengths differ."""
    names = (OVERHEAD, PREFILL, ATTENTION, REUSE)
    known = [call for call in calls if _work_is_known(call)]
    cold = [call for call in known if call.label in COLD]
    lengths = sorted({call.uncached_tokens or 0 for call in cold})
    if not lengths:
        needed = "cold prompts of known length that are answered"
        return [], [not_probed(name, needed) for name in names]
    usual_s = median(call.ttft_s for call in cold) - rtt_s
    if len(lengths) == 1:
        how = (
            f"{len(cold)} cold, lone TTFTs less the round trip, all of {lengths[0]:g} tokens; the "
            "profile takes it all for overhead."
        )
        values = (max(0.0, usual_s), None, None, None)
        return [], [
            Parameter(name, value, "not_identifiable", how)
            for name, value in zip(names, values, strict=True)
        ]
    visible_s, apart = noise.least_share(usual_s) * usual_s, _lengths_apart(lengths)
    terms, unknown = list[Term](), list[Parameter]()
    if len(apart) < 3:
        few = f"A bend takes prompts of three lengths; here are {len(apart)}. The profile has none."
        unknown.append(Parameter(ATTENTION, None, "not_identifiable", few))
    else:
        bend = (apart[-1] - apart[0]) ** 2 / 8  # how far a curve departs from its chord
        pairs = [call.pairs for call in calls]
        terms.append(Term(ATTENTION, pairs, False, bend, _CERTAIN, visible_s))
    if hits := [call for call in known if call.cached_tokens]:
        warm_s = median(call.ttft_s for call in hits) - rtt_s
        least_s = max(noise.least_share(warm_s) * warm_s, noise.rounding_s)
        usual, cached = median(c.cached_tokens for c in hits), [c.cached_tokens for c in calls]
        terms.append(Term(REUSE, cached, False, usual, _CERTAIN, least_s))
    else:
        unknown.append(not_probed(REUSE, "a repeated prompt that hits"))
    uncached, span = [call.uncached_tokens or 0 for call in calls], lengths[-1] - lengths[0]
    terms.append(Term(PREFILL, uncached, False, span, _LIKELY, visible_s))
    terms.append(Term(OVERHEAD, [1] * len(calls), False, 1, _LIKELY, noise.rounding_s))
    return terms, unknown


def _terms_of_steps(calls: Sequence[TimedCall], noise: Noise) -> tuple[list[Term], list[Parameter]]:
    """Decode rate, and the rate at which a step reads its context."""
    streams = [call for call in calls if call.tpot_s]
    if len(streams) < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} lone streams of two chunks or more"
        return [], [not_probed(name, needed) for name in (DECODE, CONTEXT)]
    decode = Term(DECODE, [1] * len(calls), True)
    lengths = sorted({call.input_tokens or 0 for call in streams})
    if len(lengths) < 2 or not lengths[0]:
        return [decode], [not_probed(CONTEXT, "lone streams after prompts of two known lengths")]
    usual_s = median(call.tpot_s or 0.0 for call in streams)
    visible_s = noise.least_share(median(call.decode_s for call in streams)) * usual_s
    read, span = [call.input_tokens or 0 for call in calls], lengths[-1] - lengths[0]
    return [Term(CONTEXT, read, True, span, _CERTAIN, visible_s), decode], []


def _with(profile: LatencyProfile, seconds: Mapping[str, float]) -> LatencyProfile:
    """With these terms, given in seconds for one of each."""
    changes = {name: 1 / s for name, s in seconds.items() if name not in (OVERHEAD, REUSE)}
    if OVERHEAD in seconds:
        changes[OVERHEAD] = seconds[OVERHEAD]
    cache = PrefixCache(reuse_tokens_per_s=1 / seconds[REUSE]) if REUSE in seconds else None
    return profile.but(**changes, prefix_cache=cache)


def _lengths_apart(lengths: Sequence[int]) -> list[int]:
    found = list[int]()
    for length in lengths:
        if not found or length > _APART * found[-1]:
            found.append(length)
    return found


def _jitter(draft: Draft, calls: Sequence[TimedCall]) -> tuple[Paces, list[Parameter]]:
    """Of whole calls whose work is known: a cache may be silent, a schema new."""
    took_s, logarithms = list[float](), list[float]()
    for call in calls:
        known = call.label in (*COLD, *FORMS, Label.WARM_SCHEMA) or call.record.cached_tokens
        if call.uncached_tokens is None or not call.tpot_s or not known:
            continue
        steps_s = call.later_tokens * call.step_s(draft.profile)
        predicted_s = call.prefill_s(draft.profile) + steps_s
        whole_s = call.ttft_s + call.decode_s - draft.profile.rtt_s
        if call.label != Label.COLD_SCHEMA and whole_s > 0 and predicted_s > 0:
            took_s.append(whole_s)
            logarithms.append(math.log(whole_s / predicted_s))
    return fit_jitter(logarithms, draft.noise.least_share(median(took_s)) if took_s else 0.0)


# Schemas.


def _factor(draft: Draft, measured: Measured) -> Parameter:
    """TPOT with a schema over TPOT without, within each round: tool calls where there are any."""

    def slower(call: TimedCall) -> float:
        pace = draft.pace_of_prefill(call, call.ttft_s - draft.profile.rtt_s)
        return (call.tpot_s or 0.0) / call.step_s(draft.profile) / pace

    for form in FORMS:
        both = timed_pairs(measured, AxisName.STRUCTURED, form, Label.FREEFORM)
        pairs = [pair for pair in both if pair[0].tpot_s and pair[1].tpot_s]
        if len(pairs) < _LEAST_CALLS:
            continue
        ratios = [slower(bound) / slower(free) for bound, free in pairs]
        factor, found = median(ratios), interval(ratios)
        least = draft.noise.least_share(median(bound.decode_s for bound, _ in pairs))
        how = f"TPOT of {form} over freeform, median of {len(ratios)} rounds."
        if abs(factor - 1) <= least or found.low <= 1 <= found.high:
            return Parameter(FACTOR, 1.0, "absent", how, found.low, found.high)
        return Parameter(FACTOR, factor, "measured", how, found.low, found.high)
    return not_probed(FACTOR, f"{_LEAST_CALLS} rounds of a freeform and a structured stream")


def fit_compile(draft: Draft, measured: Measured) -> Draft:
    """TTFT of a schema's first call less that of its second, less what their lengths explain."""
    pairs = timed_pairs(measured, AxisName.COLD_SCHEMA, Label.COLD_SCHEMA, Label.WARM_SCHEMA)

    def beyond_prompt_s(call: TimedCall) -> float:
        return draft.work_s(call) - call.prefill_s(draft.profile)

    differences_s = [beyond_prompt_s(cold) - beyond_prompt_s(warm) for cold, warm in pairs]
    if len(differences_s) < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} new schemas, each asked for twice"
        return draft.but(not_probed(COMPILE, needed))
    seconds, ends = median(differences_s), interval(differences_s)
    usual_s = median(warm.ttft_s for _, warm in pairs)
    how = f"TTFT of a new schema's first call less its second, median of {len(differences_s)}."
    if seconds <= draft.noise.least_share(usual_s) * usual_s or ends.low <= 0:
        found = Parameter(COMPILE, 0.0, "absent", how, 0.0, max(0.0, ends.high))
    else:
        error = 1 + draft.pace.error
        found = Parameter(COMPILE, seconds, "measured", how, ends.low / error, ends.high * error)
    return draft.but(found, schema_compile_s=found.value)
