"""Slots and penalty where prompts take turns: what is left when the waits for the turn are known.

A call waits twice: for a slot, which the end of another call frees, and for its turn, which comes
when the chunk before it is computed, and which it shares with the prompts that fit. Both instants
are seen from outside. A stream stands still while a prompt is computed, so what its company costs
shows only in the steps between.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import pairwise
from statistics import median

from labtools.clock import elapsed_s
from labtools.evaluation.fitting.alone import Alone
from labtools.evaluation.fitting.evidence import Noise, TimedCall
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.robust import Z95, slope_through_origin
from labtools.model.profile import LatencyProfile

SLOTS, PENALTY = "max_batch", "batch_penalty"
_LEAST_CALLS = 3
# A number of slots must explain the first tokens so much better than no limit does.
_BETTER = 0.9
# Prompts that come within this share of the first one's prefill may be in its chunk: what a server
# does before it computes is not seen.
_AT_ONCE = 0.1


@dataclass(frozen=True, slots=True)
class _Turn:
    """A call of a crowd, if there are so many slots."""

    call: TimedCall
    slot_at: float
    """When it got its slot."""

    @property
    def first_at(self) -> float:
        return self.call.one.record.chunks_at[0]


def fit_load_in_turn(
    alone: Alone, levels: Mapping[int, Sequence[TimedCall]], arrivals: Sequence[TimedCall],
    noise: Noise,
) -> Alone:  # fmt: skip
    """With slots and penalty, from the closed loop's calls by clients and the open loop's."""
    slots = _slots(alone, levels, noise)
    limit = int(slots.value) if slots.status == "measured" and slots.value else None
    crowds = [_turns(alone, calls, limit) for calls in (*levels.values(), arrivals)]
    penalty = _penalty(alone, crowds, noise)
    profile = alone.profile.but(max_batch=limit, batch_penalty=penalty.value or 0.0)
    return replace(alone, profile=profile, parameters=(*alone.parameters, slots, penalty))


def _turns(alone: Alone, calls: Sequence[TimedCall], slots: int | None) -> list[_Turn]:
    """Slots in order of arrival, turns in order of slots; both freed when they were seen to be."""
    profile, ends, found = alone.profile, list[float](), list[_Turn]()
    for call in sorted(calls, key=lambda call: call.one.record.sent_at):
        slot_at = call.one.record.sent_at + profile.rtt_s
        if slots is not None and len(ends) == slots:
            slot_at = max(slot_at, heappop(ends))
        heappush(ends, call.one.record.ended_at)
        found.append(_Turn(call, slot_at))
    return found


def _first_tokens(profile: LatencyProfile, turns: Sequence[_Turn]) -> list[float]:
    """When first tokens are due, each chunk begun when the one before was seen to end."""
    waiting = deque((one, one.call.cached_tokens) for one in turns)
    free_at, due = -math.inf, list[float]()
    while waiting:
        head = waiting[0][0]
        free_at = max(free_at, head.slot_at + head.call.setup_s(profile))
        left, ended = profile.prefill_chunk_tokens or math.inf, list[_Turn]()
        latest_at = free_at + _AT_ONCE * head.call.prefill_s(profile)
        while (
            left
            and waiting
            and waiting[0][0].slot_at + waiting[0][0].call.setup_s(profile) <= latest_at
        ):
            turn, start = waiting.popleft()
            end = min(start + left, turn.call.input_tokens or 0)
            free_at += profile.compute_s(start, end)
            left -= end - start
            if end < (turn.call.input_tokens or 0):
                waiting.appendleft((turn, int(end)))
            else:
                ended.append(turn)
        due += [free_at] * len(ended)
        free_at = max([one.first_at for one in ended], default=free_at)
    return due


def _slots(alone: Alone, levels: Mapping[int, Sequence[TimedCall]], noise: Noise) -> Parameter:
    """The number that explains best when first tokens came, where any limit explains them."""
    tried = sorted(level for level, calls in levels.items() if len(calls) >= _LEAST_CALLS)
    if not tried or tried[-1] < 2:
        return not_probed(SLOTS, "a closed loop of two clients or more")
    found = dict[int, int]()
    for level in tried:
        missed_s = {slots: _missed_s(alone, levels[level], slots) for slots in range(1, level + 1)}
        best = min(missed_s, key=lambda slots: (missed_s[slots], -slots))
        by_noise_s = 2 * (noise.seconds + noise.rounding_s) * len(levels[level])
        if best < level and missed_s[best] < _BETTER * missed_s[level] - by_noise_s:
            found[level] = best
    how = "Of waits for a slot and for the turn, which first tokens of the closed loop show"
    if not found:
        none = f"{how}: none for a slot up to {tried[-1]} clients; the profile has no limit."
        return Parameter(SLOTS, tried[-1], "at_least", none, low=tried[-1])
    most = found[max(found)]
    explained = f"{how}: so many slots explain them best at {', '.join(map(str, found))} clients."
    return Parameter(SLOTS, most, "measured", explained, min(found.values()), max(found.values()))


def _missed_s(alone: Alone, calls: Sequence[TimedCall], slots: int) -> float:
    """By how much first tokens came at other times than so many slots explain; not whose."""
    turns = _turns(alone, calls, slots)
    seen, expected = sorted(one.first_at for one in turns), _first_tokens(alone.profile, turns)
    return sum(abs(a - b) for a, b in zip(seen, sorted(expected), strict=True))


def _penalty(alone: Alone, crowds: Iterable[Sequence[_Turn]], noise: Noise) -> Parameter:
    """By which share each other stream lengthens a step, between the prompts."""
    points, decode_s = list[tuple[float, float]](), list[float]()
    for crowd in crowds:
        for turn in crowd:
            for company, gaps_s in _undisturbed(turn, crowd).items():
                reading_s = turn.call.step_s(alone.profile, company + 1)
                share = (median(gaps_s) - reading_s) / alone.profile.step_s()
                points.append((company, share))
                decode_s.append(sum(gaps_s))
    if len(points) < _LEAST_CALLS:
        return not_probed(PENALTY, f"{_LEAST_CALLS} streams beside others and no prompt")
    slope, error = slope_through_origin(points)
    most = max(company for company, _ in points)
    low, high = slope - Z95 * error, slope + Z95 * error
    how = (
        f"Steps of {len(points)} streams while no prompt was computed, over a lone call's, against "
        f"the number of others, up to {most}: a line through the origin, wild values limited."
    )
    if low <= 0 or slope * most <= noise.of(median(decode_s)):
        return Parameter(PENALTY, 0.0, "absent", how, 0.0, max(0.0, high))
    return Parameter(PENALTY, slope, "measured", how, low, high)


def _undisturbed(turn: _Turn, crowd: Sequence[_Turn]) -> dict[int, list[float]]:
    """The call's gaps while no other call was between slot and first token, by company."""
    others = [one for one in crowd if one is not turn]
    firsts = sorted(one.first_at for one in others)
    ends = sorted(one.call.one.record.ended_at for one in others)
    waits = [(one.slot_at, one.first_at) for one in others]
    found: dict[int, list[float]] = defaultdict(list)
    for start, end in pairwise(turn.call.one.record.chunks_at):
        company = bisect_right(firsts, start) - bisect_right(ends, start)
        if company > 0 and not any(a < end and start < b for a, b in waits):
            found[company].append(elapsed_s(start, end))
    return found
