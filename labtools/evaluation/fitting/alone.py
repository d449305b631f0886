"""What one call takes that has the endpoint to itself: the first formulas of the latency model.

    ttft = rtt + pace * (overhead + uncached_tokens / prefill rate + pairs / attention rate)
    step = pace * (1 / decode rate + input_tokens / context rate)

A call's pace may be one factor for all of it, or its prefill and its decode may be slow apart. The
calls say which: where dividing TTFT by the pace of the same call's decode leaves less scatter, it
is one factor, and each half of a call is rid of its pace by the other half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from labtools.evaluation.fitting.curve import prompt_curve
from labtools.evaluation.fitting.decode import decode_line
from labtools.evaluation.fitting.evidence import COLD, Noise, TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.robust import spread
from labtools.model.profile import LatencyProfile

# One factor, when it takes this much of the scatter away.
_SHARED_BELOW = 0.7


@dataclass(frozen=True, slots=True)
class Alone:
    """The profile of a lone call, and what is known of its calls' paces."""

    profile: LatencyProfile
    """Decodes infinitely fast where no decode could be measured."""
    noise: Noise
    one_pace: bool
    """Whether a call's prefill and decode are slow together."""
    parameters: tuple[Parameter, ...] = ()
    pace_error: float = 0.0
    """95% of the times, the pace taken for 1 is within this share of it."""

    def pace_of_decode(self, call: TimedCall) -> float:
        """What the decode of an unstructured call says of its prefill's pace."""
        return call.tpot_s / call.step_s(self.profile) if self.one_pace and call.tpot_s else 1.0

    def pace_of_prefill(self, call: TimedCall) -> float:
        """What the prefill of a call says of its decode's pace, if it found a slot at once."""
        return self.pace_of_work(call, call.ttft_s - self.profile.rtt_s)

    def pace_of_work(self, call: TimedCall, work_s: float) -> float:
        """The same, of a call whose prefill took `work_s`."""
        if not self.one_pace or call.uncached_tokens is None or work_s <= 0:
            return 1.0
        return work_s / call.prefill_s(self.profile)


def fit_alone(
    name: str, calls: Sequence[TimedCall], round_trips_s: Sequence[float], noise: Noise
) -> Alone:
    """Round trip, overhead, prefill and decode rate, from the lone calls without a schema."""
    plain = [call for call in calls if call.label in COLD]
    prompts = [call for call in plain if call.uncached_tokens is not None]
    rtt, decode, context = _round_trip(round_trips_s, noise), *decode_line(plain, noise)
    draft = LatencyProfile(
        name,
        decode.value or math.inf,
        rtt_s=rtt.value or 0.0,
        decode_context_tokens_per_s=context.value or math.inf,
    )
    apart = _with_prompts(Alone(draft, noise, False), prompts)
    together = _with_prompts(Alone(draft, noise, decode.value is not None), prompts)
    is_one = _scatter(together, prompts) < _SHARED_BELOW * _scatter(apart, prompts)
    chosen = together if is_one else apart
    return Alone(chosen.profile, noise, is_one, (rtt, *chosen.parameters, decode, context))


def _round_trip(round_trips_s: Sequence[float], noise: Noise) -> Parameter:
    """The smallest, for whatever disturbs an exchange adds to it. The rest is overhead."""
    if not round_trips_s:
        return not_probed("rtt_s", "an answer to GET /models/NAME; the overhead holds it")
    least_s = min(round_trips_s)
    how = f"The shortest of {len(round_trips_s)} exchanges without inference, GET /models/NAME."
    if least_s <= noise.rounding_s:
        return Parameter("rtt_s", 0.0, "absent", how, 0.0, least_s)
    return Parameter("rtt_s", least_s, "measured", how, least_s, median(round_trips_s))


def _with_prompts(alone: Alone, calls: Sequence[TimedCall]) -> Alone:
    """With overhead and prefill, each TTFT rid of what its decode says of its pace."""
    rtt_s = alone.profile.rtt_s
    points = [
        (call.uncached_tokens or 0, call.pairs, (call.ttft_s - rtt_s) / alone.pace_of_decode(call))
        for call in calls
    ]
    overhead, rate, attention = prompt_curve(points, alone.noise)
    profile = alone.profile.but(
        overhead_s=overhead.value or 0.0,
        prefill_tokens_per_s=rate.value or math.inf,
        attention_pairs_per_s=attention.value or math.inf,
    )
    return Alone(profile, alone.noise, alone.one_pace, (overhead, rate, attention))


def _scatter(alone: Alone, calls: Sequence[TimedCall]) -> float:
    """Of the logarithms of TTFT over what the line says, each rid of its decode's pace."""
    logarithms = [
        math.log(work_s / predicted_s / alone.pace_of_decode(call))
        for call in calls
        if (work_s := call.ttft_s - alone.profile.rtt_s) > 0
        and (predicted_s := call.prefill_s(alone.profile)) > 0
    ]
    return spread(logarithms) if logarithms else 0.0
