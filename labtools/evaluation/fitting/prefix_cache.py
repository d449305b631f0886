"""The prefix cache: what the endpoint keeps of a prompt, for how long, and for whom."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from labtools.clock import elapsed_s
from labtools.evaluation.axes.shared_prefix import WAVES
from labtools.evaluation.fitting.evidence import TimedCall, timed_calls, timed_pairs
from labtools.evaluation.fitting.lone_call import REUSE, Draft
from labtools.evaluation.fitting.result import Parameter, not_probed
from labtools.evaluation.observations import Measured
from labtools.evaluation.plan import AxisName, Label
from labtools.evaluation.statistics import interval
from labtools.model.profile import PrefixCache

CACHE = "prefix_cache"
BLOCK, MINIMUM = f"{CACHE}.block_tokens", f"{CACHE}.minimum_tokens"
TTL, CAPACITY = f"{CACHE}.ttl_s", f"{CACHE}.capacity_tokens"
PER_SLOT = f"{CACHE}.per_slot"
_LEAST_PAIRS = 2
# A call has found the prefix when this much of its prompt was cached.
_FOUND = 0.5


@dataclass(frozen=True, slots=True)
class _Pair:
    """A prompt's first call and its second."""

    cold: TimedCall
    again: TimedCall

    @property
    def saved_s(self) -> float:
        return self.cold.ttft_s - self.again.ttft_s

    @property
    def idle_s(self) -> float:
        return elapsed_s(self.cold.record.ended_at, self.again.record.sent_at)

    @property
    def reported(self) -> int:
        return self.again.cached_tokens


def fit_prefix_cache(draft: Draft, measured: Measured) -> Draft:
    """With the cache's sizes: by what `cached_tokens` says, and where it is silent, by TTFT."""
    names = (BLOCK, MINIMUM, TTL, CAPACITY, REUSE)
    repeats = _pairs(measured, Label.COLD, Label.REPEAT)
    if len(repeats) < _LEAST_PAIRS:
        needed = f"{_LEAST_PAIRS} prompts sent twice"
        missing = (not_probed(name, needed) for name in (CACHE, *names))
        return draft.but(*missing, prefix_cache=None)
    calls = timed_calls(measured, AxisName.PREFIX)
    counts = [call.cached_tokens for call in calls if call.cached_tokens]
    if counts:
        share = fmean(pair.reported / (pair.again.input_tokens or 1) for pair in repeats)
        hits = sum(pair.reported > 0 for pair in repeats)
        how = (
            f"Share of a repeated prompt that cached_tokens says was reused; {hits} of "
            f"{len(repeats)} repeats hit."
        )
        block = math.gcd(*counts)
        minimum = _minimum(calls, counts, block)
        parts = [
            Parameter(CACHE, share, "measured", how),
            Parameter(BLOCK, block, "measured", f"Greatest divisor of {len(counts)} counts."),
            minimum,
        ]
        found = draft.profile.prefix_cache or PrefixCache()
        cache = replace(found, block_tokens=block, minimum_tokens=int(minimum.value or 0))
    else:
        effect = _by_ttft(draft, repeats)
        if effect.status != "measured":
            same = (replace(effect, name=name, value=None) for name in names)
            return draft.but(effect, *same, prefix_cache=None)
        cache = PrefixCache()
        unseen = "No counts are reported, so what a reused token takes looks like one computed."
        defaults = {BLOCK: cache.block_tokens, MINIMUM: cache.minimum_tokens}
        silent = "No counts are reported; the profile takes {}, this model's default."
        parts = [effect, Parameter(REUSE, None, "not_identifiable", unseen)]
        for name, default in defaults.items():
            parts.append(Parameter(name, None, "not_identifiable", silent.format(default)))
    paused = _pairs(measured, Label.BEFORE_PAUSE, Label.AFTER_PAUSE)
    ttl, ttl_s = _ttl(repeats, paused, cache.ttl_s, reported=bool(counts))
    unused = f"Not measured; the profile takes {cache.capacity_tokens:,}, this model's default."
    capacity = Parameter(CAPACITY, None, "not_probed", unused)
    return draft.but(*parts, ttl, capacity, prefix_cache=replace(cache, ttl_s=ttl_s))


def _pairs(measured: Measured, before: Label, after: Label) -> list[_Pair]:
    return [_Pair(*pair) for pair in timed_pairs(measured, AxisName.PREFIX, before, after)]


def _minimum(calls: Sequence[TimedCall], counts: Sequence[int], block: int) -> Parameter:
    """Between the ladder's longest miss and the smallest hit of all."""
    smallest = min(counts)
    misses = [
        blocks * block
        for call in calls
        if call.label == Label.SHARED
        and not call.record.cached_tokens
        and 0 < (blocks := int(call.observation.at["shared"]) // block) * block < smallest
    ]
    if not misses:
        how = f"Prompts that shared {smallest} tokens hit, and none that shared a block missed."
        return Parameter(MINIMUM, 0, "measured", how, 0, smallest)
    how = f"{max(misses)} shared tokens missed and {smallest} hit; the profile takes the latter."
    return Parameter(MINIMUM, smallest, "measured", how, max(misses) + 1, smallest)


def _by_ttft(draft: Draft, repeats: Sequence[_Pair]) -> Parameter:
    """Which share of a repeated prompt's prefill its TTFT lacks."""
    profile = draft.profile
    saves_s = [pair.saved_s for pair in repeats]
    saved_s, found = median(saves_s), interval(saves_s)
    usual_s = median(pair.cold.ttft_s for pair in repeats)
    how = f"TTFT of {len(repeats)} prompts against the same again; cached_tokens says nothing."
    if saved_s <= draft.noise.least_share(usual_s) * usual_s or found.low <= 0:
        if any(pair.again.record.cached_tokens == 0 for pair in repeats):
            how = f"{len(repeats)} repeated prompts: cached_tokens is 0, and no TTFT is shorter."
        elif profile.compute_s(0, 1) == 0:
            how = "TTFT does not depend on the prompt's length, so it cannot show a cache."
            return Parameter(CACHE, None, "not_identifiable", how)
        return Parameter(CACHE, 0.0, "absent", how)
    prefill_s = usual_s - profile.rtt_s - profile.overhead_s
    if prefill_s <= 0:
        return Parameter(CACHE, 1.0, "measured", how)
    share, low, high = (min(1.0, s / prefill_s) for s in (saved_s, found.low, found.high))
    return Parameter(CACHE, share, "measured", how, low, high)


def _ttl(
    repeats: Sequence[_Pair], paused: Sequence[_Pair], default_s: float, *, reported: bool
) -> tuple[Parameter, float]:
    """The time to live, and what the profile takes for it."""
    saves_s = median(pair.saved_s for pair in repeats) / 2

    def hit(pair: _Pair) -> bool:
        return pair.reported > 0 if reported else pair.saved_s > saves_s

    paused = [pair for pair in paused if pair.idle_s > 0]
    if not paused:
        needed = "prompts left alone for a while"
        return not_probed(TTL, f"{needed}; the profile takes {default_s:g} s"), default_s
    if fmean(map(hit, paused)) >= fmean(map(hit, repeats)) / 2:
        longest_s = max(pair.idle_s for pair in paused if hit(pair))
        taken_s = max(default_s, longest_s)
        how = (
            f"Prompts left alone for {longest_s:.3g} s still hit; the profile takes {taken_s:g} s."
        )
        return Parameter(TTL, longest_s, "at_least", how, low=longest_s), taken_s
    lived_s = max((pair.idle_s for pair in (*repeats, *paused) if hit(pair)), default=0.0)
    gone_s = min(pair.idle_s for pair in paused if not hit(pair))
    taken_s = (lived_s + gone_s) / 2 if lived_s < gone_s else gone_s
    how = (
        f"Prompts left alone for {gone_s:.3g} s missed, and after {lived_s:.3g} s one hit; the "
        "profile takes the middle."
    )
    return Parameter(TTL, taken_s, "measured", how, min(lived_s, gone_s), gone_s), taken_s


def fit_per_slot(draft: Draft, measured: Measured) -> Draft:
    """With a cache that belongs to a slot, from waves of calls that go on from one prefix."""
    waves = timed_calls(measured, AxisName.SHARED_PREFIX)
    cache, found = draft.profile.prefix_cache, _per_slot(draft, waves)
    if not cache or not found.value:
        return draft.but(found)
    if draft.profile.max_batch is None:
        how = f"{found.how} The profile's cache is shared, for it does not know how many slots."
        return draft.but(replace(found, how=how))
    # Prompts that were left alone lost their slots to each other: that is no time to live.
    default_s = PrefixCache().ttl_s
    how = f"A prefix is lost with its slot, whatever its age; the profile takes {default_s:g} s."
    ttl = Parameter(TTL, None, "not_identifiable", how)
    return draft.but(found, ttl, prefix_cache=replace(cache, per_slot=True, ttl_s=default_s))


def _per_slot(draft: Draft, calls: Sequence[TimedCall]) -> Parameter:
    waves: dict[Label, list[bool]] = defaultdict(list)
    silent = False
    for call in calls:
        if call.label in WAVES:
            silent |= call.record.cached_tokens is None
            waves[call.label].append(call.cached_tokens > _FOUND * (call.input_tokens or 1))
    first, second = (waves[wave] for wave in WAVES)
    if not first or not second:
        return not_probed(PER_SLOT, "several calls at once that go on from one kept prefix")
    if draft.profile.prefix_cache is None:
        return Parameter(PER_SLOT, 0.0, "absent", "No prefix is kept at all.")
    if silent:
        how = "cached_tokens are not reported; of calls at once TTFT cannot tell who found it."
        return Parameter(PER_SLOT, None, "not_identifiable", how)
    how = (
        f"Of {len(first)} calls that went on from one prefix, four at once, {sum(first)} found it; "
        f"of the next {len(second)}, {sum(second)}."
    )
    if sum(first) == len(first) or sum(second) / len(second) <= sum(first) / len(first):
        return Parameter(PER_SLOT, 0.0, "absent", how)
    return Parameter(PER_SLOT, 1.0, "measured", how)
