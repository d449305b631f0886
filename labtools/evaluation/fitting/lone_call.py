"""The lone call: overhead, prefill, attention, reuse, decode, schemas and jitter.

    ttft = rtt + pace * (overhead + uncached / prefill rate + pairs / attention rate
                         + cached / reuse rate)
    step = pace * (1 / decode rate + input_tokens / context rate)

All first tokens make one robust regression, whose columns are the terms of the first formula, and
all steps another. A term without a sure and visible effect is left out, and the rest fitted again.

A call's pace may be one factor for all of it, or its prefill and its decode may be slow apart. The
calls say which: where dividing TTFT by the pace of the same call's decode leaves less scatter, it
is one factor, and each half of a call is rid of its pace by the other half. Steps come first and
by themselves, for once each TTFT is divided by its steps, steps that grow with the prompt look
like attention. The schema's two figures are paired, round by round: what a provider adds to every
structured call would otherwise count as overhead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from labtools.evaluation.fitting.evidence import COLD, FORMS, Noise, TimedCall
from labtools.evaluation.fitting.jitter import NO_JITTER, Paces, fit_jitter
from labtools.evaluation.fitting.result import Parameter, not_probed
from labtools.evaluation.fitting.robust import Estimate, median_interval, regress, spread
from labtools.evaluation.labels import Label
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
_LIKELY = 1.96
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
    parameters: tuple[Parameter, ...] = ()
    pace: Paces = NO_JITTER

    def but(self, *parameters: Parameter, **changes: Any) -> Draft:
        """With fields of the profile changed, and what was found of them added."""
        profile = self.profile.but(**changes)
        return replace(self, profile=profile, parameters=(*self.parameters, *parameters))

    def pace_of_decode(self, call: TimedCall) -> float:
        """What a call's decode says of its prefill's pace."""
        return call.tpot_s / call.step_s(self.profile) if self.one_pace and call.tpot_s else 1.0

    def pace_of_prefill(self, call: TimedCall, work_s: float) -> float:
        """What a prefill of `work_s` says of the same call's decode."""
        if not self.one_pace or call.uncached_tokens is None or work_s <= 0:
            return 1.0
        return work_s / call.prefill_s(self.profile)

    def work_s(self, call: TimedCall) -> float:
        """What came before the first token of a call that found a slot at once, at pace 1."""
        return (call.ttft_s - self.profile.rtt_s) / self.pace_of_decode(call)


def fit_lone_calls(
    name: str, calls: Sequence[TimedCall], round_trips_s: Sequence[float], noise: Noise
) -> Draft:
    """All that lone calls tell, but for the cache's sizes and a schema's first call."""
    plain = [call for call in calls if call.label in COLD]
    prompts = [
        call
        for call in calls
        if call.uncached_tokens is not None
        and (call.label in COLD or (call.cached_tokens and not call.structured))
    ]
    rtt, steps = _round_trip(round_trips_s, noise), _steps(plain, noise)
    base = LatencyProfile(name, math.inf, rtt_s=rtt.value or 0.0)
    fitted = list[tuple[Draft, _Terms]]()
    for one_pace in (False, DECODE in steps.seconds):
        draft = Draft(_with(base, steps.seconds), noise, one_pace)
        terms = _first_tokens(draft, prompts)
        fitted.append((replace(draft, profile=_with(draft.profile, terms.seconds)), terms))
    apart, together = fitted
    shared = _scatter(together[0], prompts) < _SHARED_BELOW * _scatter(apart[0], prompts)
    draft, terms = together if shared else apart
    factor = _factor(draft, calls)
    draft = replace(draft, profile=draft.profile.but(structured_factor=factor.value or 1.0))
    pace, jitter = _jitter(draft, calls)
    parameters = (
        rtt,
        *(terms.parameter(term, pace) for term in (OVERHEAD, PREFILL, ATTENTION)),
        *(steps.parameter(term, pace) for term in (DECODE, CONTEXT)),
        factor,
        terms.parameter(REUSE, pace),
        *jitter,
    )
    seconds = {term: s * pace.slower for term, s in (steps.seconds | terms.seconds).items()}
    profile = _with(draft.profile, seconds).but(
        jitter_sigma=pace.sigma,
        tail_probability=pace.tail_probability,
        tail_factor=math.exp(pace.tail_shift),
    )
    return replace(draft, profile=profile, parameters=parameters, pace=pace)


def _round_trip(round_trips_s: Sequence[float], noise: Noise) -> Parameter:
    """The smallest, for whatever disturbs an exchange adds to it. The rest is overhead."""
    if not round_trips_s:
        return not_probed("rtt_s", "an answer to GET /models/NAME; the overhead holds it")
    least_s = min(round_trips_s)
    how = f"The shortest of {len(round_trips_s)} exchanges without inference, GET /models/NAME."
    if least_s <= noise.rounding_s:
        return Parameter("rtt_s", 0.0, "absent", how, 0.0, least_s)
    return Parameter("rtt_s", least_s, "measured", how, least_s, median(round_trips_s))


# The regressions.


@dataclass(frozen=True, slots=True)
class _Term:
    """One column, and what its coefficient must exceed."""

    name: str
    column: Sequence[float]
    reach: float
    """By how much of it the calls differ."""
    certain: float
    """Standard errors."""
    visible_s: float
    """What it must make between calls that differ by its reach."""

    def stands(self, found: Estimate) -> bool:
        sure = found.value > self.certain * found.error
        return sure and found.value * self.reach > self.visible_s


@dataclass(frozen=True, slots=True)
class _Terms:
    """What calls say of some terms: found, without effect, or why not."""

    how: str
    found: Mapping[str, Estimate] = field(default_factory=dict)
    """Seconds for one of each."""
    most_s: Mapping[str, float] = field(default_factory=dict)
    """Of those without effect: 95% of the times it is no more than this."""
    unknown: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def seconds(self) -> dict[str, float]:
        known = {name: p.value for name, p in self.unknown.items() if p.value is not None}
        return known | {name: estimate.value for name, estimate in self.found.items()}

    def parameter(self, name: str, pace: Paces) -> Parameter:
        """At the pace of 1; the interval holds what is not known of the pace."""
        if name in self.unknown:
            found = self.unknown[name]
            value = found.value and found.value * pace.slower
            return replace(found, value=value)
        widest = pace.slower * (1 + pace.error)
        if name not in self.found:
            how, most_s = f"{self.how}: no effect beyond the noise.", self.most_s[name] * widest
            if name == OVERHEAD:
                return Parameter(name, 0.0, "absent", how, 0.0, most_s)
            return Parameter(name, None, "absent", how, low=1 / most_s if most_s else None)
        estimate, how = self.found[name], f"{self.how}."
        low_s = max(0.0, estimate.low) * pace.slower / (1 + pace.error)
        value_s, high_s = estimate.value * pace.slower, estimate.high * widest
        if name == OVERHEAD:
            return Parameter(name, value_s, "measured", how, low_s, high_s)
        fastest = 1 / low_s if low_s else None
        return Parameter(name, 1 / value_s, "measured", how, 1 / high_s, fastest)


def _fit_terms(
    how: str, terms: Sequence[_Term], seconds: Sequence[float], unknown: Sequence[Parameter] = ()
) -> _Terms:
    """Those that stand; the first that does not is left out, and the rest fitted again."""
    kept, most_s, found = list(terms), dict[str, float](), dict[str, Estimate]()
    while kept:
        rows = list(zip(*(term.column for term in kept), strict=True))
        estimates = regress(rows, seconds, relative=True)
        found = {term.name: value for term, value in zip(kept, estimates, strict=True)}
        gone = next((term for term in kept if not term.stands(found[term.name])), None)
        if gone is None:
            break
        most_s[gone.name] = max(0.0, found.pop(gone.name).high)
        kept.remove(gone)
    return _Terms(how, found, most_s, {parameter.name: parameter for parameter in unknown})


def _first_tokens(draft: Draft, calls: Sequence[TimedCall]) -> _Terms:
    """Overhead, prefill, attention and reuse, as far as the prompts' lengths differ."""
    names, noise = (OVERHEAD, PREFILL, ATTENTION, REUSE), draft.noise
    cold = [call for call in calls if call.label in COLD]
    lengths = sorted({call.uncached_tokens or 0 for call in cold})
    if not lengths:
        needed = "cold prompts of known length that are answered"
        return _Terms("", unknown={name: not_probed(name, needed) for name in names})
    usual_s = median(map(draft.work_s, cold))
    if len(lengths) == 1:
        how = (
            f"{len(cold)} cold, lone TTFTs less the round trip, all of {lengths[0]:g} tokens; the "
            "profile takes it all for overhead."
        )
        values = (max(0.0, usual_s), None, None, None)
        return _Terms(how, unknown={
            name: Parameter(name, value, "not_identifiable", how)
            for name, value in zip(names, values, strict=True)
        })  # fmt: skip
    hits = [call for call in calls if call.cached_tokens]
    columns = {
        ATTENTION: [call.pairs for call in calls],
        REUSE: [float(call.cached_tokens) for call in calls],
        PREFILL: [float(call.uncached_tokens or 0) for call in calls],
        OVERHEAD: [1.0] * len(calls),
    }
    visible_s, reached = noise.of(usual_s) * usual_s, lengths[-1] - lengths[0]
    apart, unknown = _lengths_apart(lengths), list[Parameter]()
    terms = {
        name: _Term(name, column, 1.0, _LIKELY, noise.rounding_s)
        for name, column in columns.items()
    }
    terms[PREFILL] = replace(terms[PREFILL], reach=reached, visible_s=visible_s)
    if len(apart) < 3:
        few = f"A bend takes prompts of three lengths; here are {len(apart)}. The profile has none."
        unknown.append(Parameter(ATTENTION, None, "not_identifiable", few))
        del terms[ATTENTION]
    else:
        bend = (apart[-1] - apart[0]) ** 2 / 8  # how far a curve departs from its chord
        terms[ATTENTION] = _Term(ATTENTION, columns[ATTENTION], bend, _CERTAIN, visible_s)
    if not hits:
        unknown.append(not_probed(REUSE, "a repeated prompt that hits"))
        del terms[REUSE]
    else:
        warm_s, tokens = median(map(draft.work_s, hits)), median(c.cached_tokens for c in hits)
        least_s = max(noise.of(warm_s) * warm_s, noise.rounding_s)
        terms[REUSE] = _Term(REUSE, columns[REUSE], tokens, _CERTAIN, least_s)
    how = (
        f"TTFTs of {len(calls)} lone calls less the round trip, {len(cold)} of them cold, against "
        "overhead, uncached tokens, pairs of tokens and cached tokens: least squares, wild values "
        "limited (Huber)"
    )
    return _fit_terms(how, list(terms.values()), [draft.work_s(call) for call in calls], unknown)


def _steps(calls: Sequence[TimedCall], noise: Noise) -> _Terms:
    """Decode rate, and the rate at which a step reads its context."""
    streams = [call for call in calls if call.tpot_s]
    if len(streams) < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} lone streams of two chunks or more"
        return _Terms("", unknown={name: not_probed(name, needed) for name in (DECODE, CONTEXT)})
    known = [call for call in streams if call.input_tokens]
    lengths = sorted({call.input_tokens or 0 for call in known})
    how = f"TPOTs of {len(streams)} lone calls without a schema"
    unknown = list[Parameter]()
    if len(lengths) < 2:
        unknown = [not_probed(CONTEXT, "lone streams after prompts of two lengths")]
    else:
        usual_s = median(call.tpot_s or 0.0 for call in known)
        visible_s = noise.of(median(call.decode_s for call in known)) * usual_s
        columns = [float(call.input_tokens or 0) for call in known]
        context = _Term(CONTEXT, columns, lengths[-1] - lengths[0], _CERTAIN, visible_s)
        base = _Term(DECODE, [1.0] * len(known), 1.0, 0.0, 0.0)
        grown = f"{how}, after prompts of {lengths[0]} to {lengths[-1]} tokens, Huber's regression"
        found = _fit_terms(grown, [context, base], [call.tpot_s or 0.0 for call in known])
        if DECODE in found.found:
            return found
        why = "Steps grow with the prompt, and from nothing: the profile has none of it."
        unknown = [Parameter(CONTEXT, None, "not_identifiable", why)]
    flat = _Term(DECODE, [1.0] * len(streams), 1.0, 0.0, 0.0)
    return _fit_terms(how, [flat], [call.tpot_s or 0.0 for call in streams], unknown)


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


def _scatter(draft: Draft, calls: Sequence[TimedCall]) -> float:
    """Of the logarithms of TTFT over what the terms say, each rid of its decode's pace."""
    logarithms = [
        math.log(work_s / predicted_s)
        for call in calls
        if (work_s := draft.work_s(call)) > 0 and (predicted_s := call.prefill_s(draft.profile)) > 0
    ]
    return spread(logarithms) if logarithms else 0.0


def _jitter(draft: Draft, calls: Sequence[TimedCall]) -> tuple[Paces, list[Parameter]]:
    """Of whole calls whose work is known: a cache may be silent, a schema new."""
    took_s, logarithms = list[float](), list[float]()
    for call in calls:
        known = call.label in (*COLD, *FORMS, Label.WARM_SCHEMA) or call.one.record.cached_tokens
        if call.uncached_tokens is None or not call.tpot_s or not known:
            continue
        steps_s = call.later_tokens * call.step_s(draft.profile)
        predicted_s = call.prefill_s(draft.profile) + steps_s
        whole_s = call.ttft_s + call.decode_s - draft.profile.rtt_s
        if call.label != Label.COLD_SCHEMA and whole_s > 0 and predicted_s > 0:
            took_s.append(whole_s)
            logarithms.append(math.log(whole_s / predicted_s))
    return fit_jitter(logarithms, draft.noise.of(median(took_s)) if took_s else 0.0)


# Schemas.


def _factor(draft: Draft, calls: Sequence[TimedCall]) -> Parameter:
    """TPOT with a schema over TPOT without, within each round: tool calls where there are any."""
    freeform = {call.one.block: call for call in calls if call.label == Label.FREEFORM}

    def slower(call: TimedCall) -> float:
        pace = draft.pace_of_prefill(call, call.ttft_s - draft.profile.rtt_s)
        return (call.tpot_s or 0.0) / call.step_s(draft.profile) / pace

    for form in FORMS:
        pairs = [
            (call, free)
            for call in calls
            if call.label == form
            and call.tpot_s
            and (free := freeform.get(call.one.block))
            and free.tpot_s
        ]
        if len(pairs) < _LEAST_CALLS:
            continue
        ratios = [slower(bound) / slower(free) for bound, free in pairs]
        factor, (low, high) = median(ratios), median_interval(ratios)
        least = draft.noise.of(median(bound.decode_s for bound, _ in pairs))
        how = f"TPOT of {form} over freeform, median of {len(ratios)} rounds."
        if abs(factor - 1) <= least or low <= 1 <= high:
            return Parameter(FACTOR, 1.0, "absent", how, low, high)
        return Parameter(FACTOR, factor, "measured", how, low, high)
    return not_probed(FACTOR, f"{_LEAST_CALLS} rounds of a freeform and a structured stream")


def fit_compile(draft: Draft, calls: Sequence[TimedCall]) -> Draft:
    """TTFT of a schema's first call less that of its second, less what their lengths explain."""
    warm = {call.one.block: call for call in calls if call.label == Label.WARM_SCHEMA}

    def beyond_prompt_s(call: TimedCall) -> float:
        return draft.work_s(call) - call.prefill_s(draft.profile)

    differences_s = [
        beyond_prompt_s(call) - beyond_prompt_s(warm[call.one.block])
        for call in calls
        if call.label == Label.COLD_SCHEMA and call.one.block in warm
    ]
    if len(differences_s) < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} new schemas, each asked for twice"
        return draft.but(not_probed(COMPILE, needed))
    seconds, (low, high) = median(differences_s), median_interval(differences_s)
    usual_s = median(call.ttft_s for call in warm.values())
    how = f"TTFT of a new schema's first call less its second, median of {len(differences_s)}."
    if seconds <= draft.noise.of(usual_s) * usual_s or low <= 0:
        found = Parameter(COMPILE, 0.0, "absent", how, 0.0, max(0.0, high))
    else:
        error = 1 + draft.pace.error
        found = Parameter(COMPILE, seconds, "measured", how, low / error, high * error)
    return draft.but(found, schema_compile_s=found.value)
