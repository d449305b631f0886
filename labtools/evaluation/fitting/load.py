"""What others do to a call: how many are worked on at once, and what each of them costs.

The engine's batch is not visible. What is: when each call's tokens came. A call holds a slot from
when its prefill must have begun until its stream ended. Several replicas behind one address
cannot be told from one with a smaller penalty: the penalty here is what a client sees on average.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from statistics import NormalDist, median

from labtools.evaluation.fitting.alone import Alone
from labtools.evaluation.fitting.evidence import Noise, TimedCall
from labtools.evaluation.fitting.load_in_turn import PENALTY, SLOTS, fit_load_in_turn
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.robust import Z95, slope_through_origin

# A call waited if its TTFT has more than this share of its prefill on top.
_WAITED = 0.5
# Slots explain the waits when they leave no more than this share of them open.
_UNEXPLAINED = 0.5
# One call in twenty may be slow by itself, at any level.
_BY_CHANCE = 0.05
_LEAST_CALLS = 3
# Calls that are sent together differ by a float's rounding once the round trip is added.
_SAME_MOMENT_S = 1e-9


@dataclass(frozen=True, slots=True)
class Holding:
    """When one call held a slot, as far as its own tokens tell."""

    arrived_at: float
    started_at: float
    ended_at: float

    @property
    def waited_s(self) -> float:
        return self.started_at - self.arrived_at


class Crowd:
    """The calls of one block, side by side, and when each held a slot."""

    def __init__(self, calls: Sequence[TimedCall], holdings: Sequence[Holding]) -> None:
        self.calls = calls
        self.holdings = holdings
        self._starts = sorted(holding.started_at for holding in holdings)
        self._ends = sorted(holding.ended_at for holding in holdings)

    def active(self, at: float) -> int:
        """How many hold a slot then, those that begin at this moment included."""
        at += _SAME_MOMENT_S
        return bisect_right(self._starts, at) - bisect_right(self._ends, at)

    def mean_active(self, since: float, until: float) -> float:
        """How many hold a slot in between, on average over the time."""
        overlaps_s = (
            min(one.ended_at, until) - max(one.started_at, since) for one in self.holdings
        )
        return sum(seconds for seconds in overlaps_s if seconds > 0) / (until - since)

    def company(self, call: TimedCall) -> float:
        """How many others hold a slot during its decode: the mean over its tokens.

        A step's length is set when it begins, so they are counted at each chunk but the last, and
        weighted by the text that the next one brought.
        """
        record = call.one.record
        weights = [float(chars) for chars in record.chunk_chars[1:]]
        if len(weights) != len(record.chunks_at) - 1 or not sum(weights):
            weights = [1.0] * (len(record.chunks_at) - 1)
        counts = [self.active(at) - 1 for at in record.chunks_at[:-1]]
        return sum(w * c for w, c in zip(weights, counts, strict=True)) / sum(weights)


def fit_load(
    alone: Alone, closed: Sequence[TimedCall], opened: Sequence[TimedCall], noise: Noise
) -> Alone:
    """With slots and penalty, from the closed loop's calls and the open loop's."""
    levels: dict[int, list[TimedCall]] = defaultdict(list)
    for call in closed:
        if call.uncached_tokens is not None:
            levels[int(call.one.at.get("clients", 0))].append(call)
    arrivals = [call for call in opened if call.uncached_tokens is not None]
    if alone.profile.prefill_chunk_tokens is not None:
        return fit_load_in_turn(alone, levels, arrivals, noise)
    slots = _slots(alone, levels, noise)
    limit = int(slots.value) if slots.status == "measured" and slots.value else None
    crowds = [_in_turn(alone, calls, limit) for calls in (*levels.values(), arrivals)]
    penalty = _penalty(alone, crowds, noise)
    profile = alone.profile.but(max_batch=limit, batch_penalty=penalty.value or 0.0)
    return replace(alone, profile=profile, parameters=(*alone.parameters, slots, penalty))


def _in_turn(alone: Alone, calls: Sequence[TimedCall], slots: int | None) -> Crowd:
    """Calls that get their slots in order of arrival: a free one, or the next that is freed."""
    in_order = sorted(calls, key=lambda call: call.one.record.sent_at)
    holdings, ends = list[Holding](), list[float]()
    for call in in_order:
        record = call.one.record
        started_at = arrived_at = record.sent_at + alone.profile.rtt_s
        if slots is not None and len(ends) == slots:
            started_at = max(arrived_at, heappop(ends))
        heappush(ends, record.ended_at)
        holdings.append(Holding(arrived_at, started_at, record.ended_at))
    return Crowd(in_order, holdings)


def _by_their_prefill(alone: Alone, calls: Sequence[TimedCall]) -> Crowd:
    """Calls that began when their prefill must have, whose pace the decode tells.

    What this gives is the start of a call's work whatever it waited for, and less exact.
    """
    usual_s = median(call.tpot_s for call in calls if call.tpot_s)
    holdings = []
    for call in calls:
        record = call.one.record
        pace = call.tpot_s / usual_s if alone.one_pace and call.tpot_s else 1.0
        arrived_at = record.sent_at + alone.profile.rtt_s
        started_at = record.chunks_at[0] - pace * call.prefill_s(alone.profile)
        holdings.append(Holding(arrived_at, started_at, record.ended_at))
    return Crowd(calls, holdings)


def _slots(alone: Alone, levels: Mapping[int, Sequence[TimedCall]], noise: Noise) -> Parameter:
    """How many are worked on at once, where a level of the closed loop shows a queue.

    While anybody waits for a slot, all are held; so it is the mean number of those that hold one
    during each wait. It counts when calls that get this many slots in turn begin when these did.
    """
    tried = sorted(
        level
        for level, calls in levels.items()
        if len(calls) >= _LEAST_CALLS and any(call.tpot_s for call in calls)
    )
    if not tried or tried[-1] < 2:
        return not_probed(SLOTS, "a closed loop of two clients or more")
    found, unexplained = dict[int, int](), list[int]()
    for level in tried:
        crowd = _by_their_prefill(alone, levels[level])
        waits = [
            one
            for one, call in zip(crowd.holdings, crowd.calls, strict=True)
            if _waited(alone, one, call, noise)
        ]
        if len(waits) <= _slow_by_chance(alone) * len(crowd.holdings):
            continue
        held = round(median(crowd.mean_active(one.arrived_at, one.started_at) for one in waits))
        if 1 <= held < level and _explains(_in_turn(alone, levels[level], held), crowd):
            found[level] = held
        else:
            unexplained.append(level)
    if found:
        how = (
            "Calls under way while others waited, median of the waits at "
            f"{_listed(found)} clients; so many slots, taken in turn, explain when each began."
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


def _explains(in_turn: Crowd, measured: Crowd) -> bool:
    """Whether calls began when slots taken in turn say; who came first is not compared."""
    expected = sorted(one.started_at for one in in_turn.holdings)
    seen = sorted(one.started_at for one in measured.holdings)
    apart_s = sum(abs(a - b) for a, b in zip(expected, seen, strict=True))
    return apart_s <= _UNEXPLAINED * sum(abs(one.waited_s) for one in measured.holdings)


def _waited(alone: Alone, one: Holding, call: TimedCall, noise: Noise) -> bool:
    prefill_s = call.prefill_s(alone.profile)
    return one.waited_s > max(_WAITED * prefill_s, 2 * noise.seconds + noise.rounding_s)


def _slow_by_chance(alone: Alone) -> float:
    """The share of calls, at any level, that may look as if they had waited."""
    profile = alone.profile
    if alone.one_pace or not profile.jitter_sigma:
        return _BY_CHANCE
    body = NormalDist(-(profile.jitter_sigma**2) / 2, profile.jitter_sigma)
    return _BY_CHANCE + 2 * (profile.tail_probability + 1 - body.cdf(math.log1p(_WAITED)))


def _listed(levels: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(levels))) or "no number of"


def _penalty(alone: Alone, crowds: Iterable[Crowd], noise: Noise) -> Parameter:
    """By which share each other call lengthens a lone call's step."""
    points, decode_s = list[tuple[float, float]](), list[float]()
    for crowd in crowds:
        for call, holding in zip(crowd.calls, crowd.holdings, strict=True):
            if call.tpot_s is None or (company := crowd.company(call)) <= 0:
                continue
            pace = alone.pace_of_work(call, call.one.record.chunks_at[0] - holding.started_at)
            reading_s = call.step_s(alone.profile, company + 1) - alone.profile.step_s()
            longer_s = call.tpot_s / pace - reading_s - alone.profile.step_s()
            points.append((company, longer_s / alone.profile.step_s()))
            decode_s.append(call.decode_s)
    if len(points) < _LEAST_CALLS:
        return not_probed(PENALTY, f"{_LEAST_CALLS} streams in company of others")
    slope, error = slope_through_origin(points)
    most = max(company for company, _ in points)
    low, high = slope - Z95 * error, slope + Z95 * error
    how = (
        f"TPOT of {len(points)} calls over a lone call's, against the mean number of others under "
        f"way, up to {most:.3g}: a line through the origin, wild values limited (Huber)."
    )
    if low <= 0 or slope * most <= noise.of(median(decode_s)):
        return Parameter(PENALTY, 0.0, "absent", how, 0.0, max(0.0, high))
    return Parameter(PENALTY, slope, "measured", how, low, high)
