"""What the endpoint keeps of a prompt: its prefix cache, in the terms of the latency model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from labtools.clock import elapsed_s
from labtools.evaluation.fitting.alone import Alone
from labtools.evaluation.fitting.evidence import TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.reuse import REUSE, reuse_rate
from labtools.evaluation.fitting.robust import median_interval
from labtools.evaluation.labels import AxisName, Label
from labtools.model.profile import PrefixCache

CACHE = "prefix_cache"
BLOCK, MINIMUM = f"{CACHE}.block_tokens", f"{CACHE}.minimum_tokens"
TTL, CAPACITY = f"{CACHE}.ttl_s", f"{CACHE}.capacity_tokens"
_LEAST_PAIRS = 2


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
        return elapsed_s(self.cold.one.record.ended_at, self.again.one.record.sent_at)

    @property
    def reported(self) -> int:
        return self.again.one.record.cached_tokens or 0


def fit_cache(alone: Alone, calls: Sequence[TimedCall]) -> Alone:
    """With the prefix cache: by what `cached_tokens` says, and where it is silent, by TTFT."""
    repeats = _pairs(calls, Label.COLD, Label.REPEAT)
    if len(repeats) < _LEAST_PAIRS:
        parts = [not_probed(name, f"{_LEAST_PAIRS} prompts sent twice") for name in _ALL]
        return replace(alone, parameters=(*alone.parameters, *parts))
    prefix = [call for call in calls if call.one.axis == AxisName.PREFIX]
    counts = [n for call in prefix if (n := call.one.record.cached_tokens or 0) > 0]
    if counts:
        share = fmean(pair.reported / (pair.again.one.record.input_tokens or 1) for pair in repeats)
        hits = sum(pair.reported > 0 for pair in repeats)
        how = (
            f"Share of a repeated prompt that cached_tokens says was reused; {hits} of "
            f"{len(repeats)} repeats hit."
        )
        block = math.gcd(*counts)
        minimum = _minimum(prefix, counts, block)
        parts = [
            Parameter(CACHE, share, "measured", how),
            Parameter(BLOCK, block, "measured", f"Greatest divisor of {len(counts)} counts."),
            minimum,
        ]
        reuse = reuse_rate(alone, [pair.again for pair in repeats])
        cache = PrefixCache(
            block, int(minimum.value or 0), reuse_tokens_per_s=reuse.value or math.inf
        )
    else:
        effect = _by_ttft(alone, repeats)
        if effect.status != "measured":
            nothing = [replace(effect, name=name, value=None) for name in _ALL[1:]]
            return replace(alone, parameters=(*alone.parameters, effect, *nothing))
        cache = PrefixCache()
        unseen = "No counts are reported, so what a reused token takes looks like one computed."
        reuse = Parameter(REUSE, None, "not_identifiable", unseen)
        silent = "No counts are reported; the profile takes {}, this model's default."
        parts = [
            effect,
            Parameter(BLOCK, None, "not_identifiable", silent.format(cache.block_tokens)),
            Parameter(MINIMUM, None, "not_identifiable", silent.format(cache.minimum_tokens)),
        ]
    ttl, ttl_s = _ttl(calls, repeats, cache.ttl_s, reported=bool(counts))
    capacity = f"Not measured; the profile takes {cache.capacity_tokens:,}, this model's default."
    parts += [ttl, Parameter(CAPACITY, None, "not_probed", capacity), reuse]
    profile = alone.profile.but(prefix_cache=replace(cache, ttl_s=ttl_s))
    return replace(alone, profile=profile, parameters=(*alone.parameters, *parts))


_ALL = (CACHE, BLOCK, MINIMUM, TTL, CAPACITY, REUSE)


def _pairs(calls: Sequence[TimedCall], first: Label, second: Label) -> list[_Pair]:
    """Calls of one block under these labels, the n-th with the n-th."""
    again = {call.one.block: call for call in calls if call.label == second}
    return [
        _Pair(call, again[call.one.block])
        for call in calls
        if call.label == first and call.one.axis == AxisName.PREFIX and call.one.block in again
    ]


def _minimum(calls: Sequence[TimedCall], counts: Sequence[int], block: int) -> Parameter:
    """Between the ladder's longest miss and the smallest hit of all."""
    smallest = min(counts)
    misses = [
        blocks * block
        for call in calls
        if call.label == Label.SHARED
        and not call.one.record.cached_tokens
        and 0 < (blocks := int(call.one.at["shared"]) // block) * block < smallest
    ]
    if not misses:
        how = f"Prompts that shared {smallest} tokens hit, and none that shared a block missed."
        return Parameter(MINIMUM, 0, "measured", how, 0, smallest)
    how = f"{max(misses)} shared tokens missed and {smallest} hit; the profile takes the latter."
    return Parameter(MINIMUM, smallest, "measured", how, max(misses) + 1, smallest)


def _by_ttft(alone: Alone, repeats: Sequence[_Pair]) -> Parameter:
    """Which share of a repeated prompt's prefill its TTFT lacks."""
    profile = alone.profile
    saved_s = median(pair.saved_s for pair in repeats)
    low_s, high_s = median_interval([pair.saved_s for pair in repeats])
    usual_s = median(pair.cold.ttft_s for pair in repeats)
    how = f"TTFT of {len(repeats)} prompts against the same again; cached_tokens says nothing."
    if saved_s <= alone.noise.of(usual_s) * usual_s or low_s <= 0:
        if any(pair.again.one.record.cached_tokens == 0 for pair in repeats):
            how = f"{len(repeats)} repeated prompts: cached_tokens is 0, and no TTFT is shorter."
        elif profile.compute_s(0, 1) == 0:
            how = "TTFT does not depend on the prompt's length, so it cannot show a cache."
            return Parameter(CACHE, None, "not_identifiable", how)
        return Parameter(CACHE, 0.0, "absent", how)
    prefill_s = usual_s - profile.rtt_s - profile.overhead_s
    if prefill_s <= 0:
        return Parameter(CACHE, 1.0, "measured", how)
    shares = (min(1.0, seconds / prefill_s) for seconds in (saved_s, low_s, high_s))
    share, low, high = shares
    return Parameter(CACHE, share, "measured", how, low, high)


def _ttl(
    calls: Sequence[TimedCall], repeats: Sequence[_Pair], default_s: float, *, reported: bool
) -> tuple[Parameter, float]:
    """The time to live, and what the profile takes for it."""
    before = sorted((c for c in calls if c.label == Label.BEFORE_PAUSE), key=lambda c: c.one.place)
    after = sorted((c for c in calls if c.label == Label.AFTER_PAUSE), key=lambda c: c.one.place)
    saves_s = median(pair.saved_s for pair in repeats) / 2

    def hit(pair: _Pair) -> bool:
        return pair.reported > 0 if reported else pair.saved_s > saves_s

    if len(before) != len(after) or not after:
        needed = "prompts left alone for a while"
        return not_probed(TTL, f"{needed}; the profile takes {default_s:g} s"), default_s
    paused = [_Pair(*pair) for pair in zip(before, after, strict=True)]
    kept = fmean(map(hit, paused)) >= fmean(map(hit, repeats)) / 2
    if kept:
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
