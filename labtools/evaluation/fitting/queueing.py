"""The queue: which call gets a slot when, and what its company costs it.

Calls get slots in order of arrival: a free one, or the next that another call's end frees. The
number of slots is the one that explains best when first tokens came, searched from one to the
number of clients. Where prompts are computed in chunks, a call also waits for its turn, and which
prompts share a chunk is part of what is explained. Several replicas behind one address cannot be
told from one with a smaller penalty: the penalty here is what a client sees on average.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np

from labtools.clock import elapsed_s
from labtools.evaluation.fitting.evidence import (
    LOADED,
    Noise,
    TimedCall,
    noise_on,
    timed_calls,
)
from labtools.evaluation.fitting.lone_call import Draft
from labtools.evaluation.fitting.result import Parameter, not_probed
from labtools.evaluation.fitting.robust import regress
from labtools.evaluation.observations import Measured
from labtools.model.profile import LatencyProfile

SLOTS, PENALTY = "max_batch", "batch_penalty"
_LEAST_CALLS = 3
# Slots explain first tokens when they leave no more than this share of what no limit leaves.
_UNEXPLAINED = 0.5
# Where this share of the calls is late by half of its prefill, something makes them wait.
_MANY = 0.25
# Calls that are sent together differ by a float's rounding once the round trip is added.
_SAME_MOMENT_S = 1e-9
# Prompts that come within this share of the first one's prefill may be in its chunk: what a server
# does before it computes is not seen.
_AT_ONCE = 0.1


class _Served(NamedTuple):
    """A call, if there are so many slots."""

    call: TimedCall
    slot_at: float
    """When it got its slot."""


def fit_queue(draft: Draft, measured: Measured) -> Draft:
    """With slots and penalty, from the closed loop's calls and the open loop's."""
    noise, arrivals = noise_on(measured, *LOADED), list[TimedCall]()
    levels: dict[int, list[TimedCall]] = defaultdict(list)
    for call in timed_calls(measured, *LOADED):
        if call.uncached_tokens is not None:
            clients = call.observation.at.get("clients")
            (levels[int(clients)] if clients else arrivals).append(call)
    slots = _slots(draft, levels, noise)
    limit = int(slots.value) if slots.status == "measured" and slots.value else None
    crowds = [_served(draft, calls, limit) for calls in (*levels.values(), arrivals)]
    penalty = _penalty(draft, crowds, noise)
    return draft.but(slots, penalty, max_batch=limit, batch_penalty=penalty.value or 0.0)


def _served(draft: Draft, calls: Sequence[TimedCall], slots: int | None) -> list[_Served]:
    """In order of arrival; a slot is free again when its call was seen to end."""
    ends, found = list[float](), list[_Served]()
    for call in sorted(calls, key=lambda call: call.record.sent_at):
        slot_at = call.record.sent_at + draft.profile.rtt_s
        if slots is not None and len(ends) == slots:
            slot_at = max(slot_at, heappop(ends))
        heappush(ends, call.record.ended_at)
        found.append(_Served(call, slot_at))
    return found


# Slots.


def _slots(draft: Draft, levels: Mapping[int, Sequence[TimedCall]], noise: Noise) -> Parameter:
    tried = sorted(level for level, calls in levels.items() if len(calls) >= _LEAST_CALLS)
    if not tried or tried[-1] < 2:
        return not_probed(SLOTS, "a closed loop of two clients or more")
    found, unexplained = dict[int, int](), list[int]()
    for level in tried:
        calls = levels[level]
        by_noise_s = 2 * (noise.seconds + noise.rounding_s) * len(calls)
        missed_s = {slots: _missed_s(draft, calls, slots) for slots in range(1, level + 1)}
        least_s = min(missed_s.values()) + by_noise_s
        best = max(slots for slots, seconds in missed_s.items() if seconds <= least_s)
        if best < level and missed_s[best] <= _UNEXPLAINED * missed_s[level]:
            found[level] = best
        elif _many_wait(draft, calls, noise):
            unexplained.append(level)
    if found:
        how = (
            f"When first tokens came at {_listed(found)} clients: so many slots, taken in order of "
            "arrival, explain it best."
        )
        bounds = min(found.values()), max(found.values())
        return Parameter(SLOTS, found[max(found)], "measured", how, *bounds)
    free = [level for level in tried if level not in unexplained]
    how = f"None waited for a slot at {_listed(free)} clients; the profile has no limit."
    if unexplained:
        how += (
            f" At {_listed(unexplained)}, TTFT rises in a way that slots do not explain, and that "
            "the model has no term for."
        )
    if not free:
        return Parameter(SLOTS, None, "not_identifiable", how)
    return Parameter(SLOTS, max(free), "at_least", how, low=max(free))


def _missed_s(draft: Draft, calls: Sequence[TimedCall], slots: int) -> float:
    """By how much first tokens came at other times than so many slots explain; not whose."""
    due = sorted(_due_at(draft, _served(draft, calls, slots)))
    seen = sorted(call.first_at for call in calls)
    return sum(abs(a - b) for a, b in zip(seen, due, strict=True))


def _many_wait(draft: Draft, calls: Sequence[TimedCall], noise: Noise) -> bool:
    served = _served(draft, calls, None)
    late = [
        call.first_at - due_at > call.prefill_s(draft.profile) / 2 + 2 * noise.seconds
        for (call, _), due_at in zip(served, _due_at(draft, served), strict=True)
    ]
    return sum(late) > _MANY * len(late)


def _due_at(draft: Draft, served: Sequence[_Served]) -> list[float]:
    """When their first tokens are due."""
    if draft.profile.prefill_chunk_tokens is not None:
        return _due_in_turn(draft.profile, served, draft.profile.prefill_chunk_tokens)
    streams_s = [call.tpot_s for call, _ in served if call.tpot_s]
    usual_s = median(streams_s) if draft.one_pace and streams_s else None
    return [
        slot_at
        + call.prefill_s(draft.profile)
        * (call.tpot_s / usual_s if usual_s and call.tpot_s else 1.0)
        for call, slot_at in served
    ]


def _due_in_turn(
    profile: LatencyProfile, served: Sequence[_Served], chunk_tokens: int
) -> list[float]:
    """Where prompts are computed in turn, each chunk begins when the one before was seen to end."""
    waiting = deque(
        (call, slot_at + call.setup_s(profile), call.cached_tokens) for call, slot_at in served
    )
    free_at, due = -math.inf, list[float]()
    while waiting:
        head, ready_at, _ = waiting[0]
        free_at = max(free_at, ready_at)
        latest_at = free_at + _AT_ONCE * head.prefill_s(profile)
        left, ended_at = chunk_tokens, list[float]()
        while left and waiting and waiting[0][1] <= latest_at:
            call, ready_at, start = waiting.popleft()
            length = call.input_tokens or 0
            end = min(start + left, length)
            free_at += profile.compute_s(start, end)
            left -= end - start
            if end < length:
                waiting.appendleft((call, ready_at, end))
            else:
                ended_at.append(call.first_at)
        due += [free_at] * len(ended_at)
        free_at = max(ended_at, default=free_at)
    return due


def _listed(levels: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(levels))) or "no number of"


# Company.


def _penalty(draft: Draft, crowds: Iterable[Sequence[_Served]], noise: Noise) -> Parameter:
    """By which share each other call lengthens a lone call's step."""
    step_s, in_turn = draft.profile.step_s(), draft.profile.prefill_chunk_tokens is not None
    company, longer, decode_s = list[float](), list[float](), list[float]()
    for crowd in crowds:
        for call, slot_at in crowd:
            pace = 1.0 if in_turn else draft.pace_of_prefill(call, call.first_at - slot_at)
            for others, seen_s in _company(call, crowd, in_turn) if step_s else ():
                company.append(others)
                longer.append((seen_s / pace - call.step_s(draft.profile, others + 1)) / step_s)
                decode_s.append(call.decode_s)
    if len(company) < _LEAST_CALLS:
        return not_probed(PENALTY, f"{_LEAST_CALLS} streams in company of others, and lone ones")
    [slope] = regress([[others] for others in company], longer)
    when = " while no prompt was computed" if in_turn else ""
    how = (
        f"Steps of {len(company)} streams{when} over a lone call's, against the mean number of "
        f"others, up to {max(company):.3g}: a line through the origin, wild values limited (Huber)."
    )
    if slope.low <= 0 or slope.value * max(company) <= noise.least_share(median(decode_s)):
        return Parameter(PENALTY, 0.0, "absent", how, 0.0, max(0.0, slope.high))
    return Parameter(PENALTY, slope.value, "measured", how, slope.low, slope.high)


def _company(call: TimedCall, crowd: Sequence[_Served], in_turn: bool) -> list[tuple[float, float]]:
    """How many others of its crowd were there during a call's steps, and how long those were.

    A step's length is set when it begins, so they are counted at each chunk but the last: the
    mean, weighted by the text that the next chunk brought. Where prompts take turns, a stream
    stands still while one is computed, so what its company costs shows only in the gaps in
    which nobody is between slot and first token: their median for each number of streams, for
    a mean would keep what such a prompt left behind.
    """
    record = call.record
    gaps = list(pairwise(record.chunks_at))
    starts = np.array([other.call.first_at if in_turn else other.slot_at for other in crowd])
    ends = np.array([other.call.record.ended_at for other in crowd])
    steps_at = np.array(record.chunks_at[:-1])[:, None] + _SAME_MOMENT_S
    counts = ((starts <= steps_at) & (steps_at < ends)).sum(axis=1) - 1
    if in_turn:
        alike: dict[int, list[float]] = defaultdict(list)
        for (start, end), others in zip(gaps, counts.tolist(), strict=True):
            if not any(slot_at < end and start < other.first_at for other, slot_at in crowd):
                alike[others].append(elapsed_s(start, end))
        return [(others, median(gaps_s)) for others, gaps_s in alike.items() if others > 0]
    if not call.tpot_s or not gaps:
        return []
    weights: Sequence[int] = record.chunk_chars[1:]
    if len(weights) != len(gaps) or not any(weights):
        weights = [1] * len(gaps)
    mean = float(np.average(counts, weights=weights))
    return [(mean, call.tpot_s)] if mean > 0 else []
