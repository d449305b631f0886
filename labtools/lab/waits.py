"""Who waits for whom: the edges of a run, and when its steps begin and end if they take otherwise.

Every span has two events, its start and its end. An event happens when the last of those that it
waits for has happened, and then a lag: what the agent did there, which nobody recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import TYPE_CHECKING, TypeVar

from labtools.clock import elapsed_s
from labtools.errors import ConfigurationError
from labtools.lab.spans import in_order, parent_of
from labtools.records import Span, Wait

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T", float, "np.ndarray")


def with_waits(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans, each that says of nothing that it waited for it with the waits that instants show.

    A step is taken to have waited for all steps beside it that had ended when it began, less those
    that another of these waited for. So of two chains that run side by side without a group
    around each, one may seem to have waited for the other.
    """
    ordered = in_order(spans)
    known = {span.id for span in ordered}
    levels = defaultdict[int | None, list[Span]](list)
    for span in ordered:
        levels[parent_of(span, known)].append(span)
    found = {span.id: span for level in levels.values() for span in _inferred(level)}
    return tuple(sorted(found.values(), key=lambda span: span.id))


def _inferred(level: Iterable[Span]) -> Iterable[Span]:
    running: list[tuple[float, int, int, Span]] = []
    last: dict[int, None] = {}  # ended, and nothing that has ended waited for it
    for number, span in enumerate(level):
        while running and running[0][0] <= span.started_at:
            *_, ended = heappop(running)
            for wait in ended.waits_for:
                last.pop(wait.id, None)
            last[ended.id] = None
        if not span.waits_for:
            span = replace(span, waits_for=tuple(Wait(id, "inferred") for id in last))
        # The number decides where a file gives two spans one id.
        heappush(running, (span.ended_at, span.id, number, span))
        yield span


@dataclass(frozen=True, slots=True)
class Event:
    """The start or the end of a span; of none: the run's end."""

    span: Span | None
    at: float
    """When it happened."""
    after: tuple[tuple[int, float], ...]
    """Numbers of the events that it waits for, each with the lag behind it."""
    is_work: bool = False
    """The end of what has a duration of its own."""


KINDS = ("TTFT", "decode", "call", "tool", "retry", "human", "nothing")
"""What a second of the path went to. "call": an answer whose first token nobody logged."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the path; without a span nothing that is in the trace was going on."""

    span: Span | None
    started_at: float
    ended_at: float

    @property
    def duration_s(self) -> float:
        return self.ended_at - self.started_at

    def kinds(self) -> Iterator[tuple[str, float]]:
        """What it was doing, in seconds."""
        span = self.span
        if span is None:
            yield "nothing", self.duration_s
        elif span.call is None:
            yield "nothing" if span.kind == "group" else span.kind, self.duration_s
        elif span.call.error:
            yield "retry", self.duration_s
        elif not span.call.chunks_at:
            yield "call", self.duration_s
        else:
            first_at = min(max(span.call.chunks_at[0], self.started_at), self.ended_at)
            yield "TTFT", first_at - self.started_at
            yield "decode", self.ended_at - first_at


def shares(path: Iterable[Segment]) -> dict[str, float]:
    """Seconds of the path by what they went to; kinds that took none are left out."""
    total = dict.fromkeys(KINDS, 0.0)
    for segment in path:
        for kind, seconds in segment.kinds():
            total[kind] += seconds
    return {kind: seconds for kind, seconds in total.items() if seconds > 0}


class Order:
    """The events of a run, each after those that it waits for; the run's end is the last.

    Raises ConfigurationError for waits that go round in a circle.
    """

    def __init__(self, spans: Sequence[Span], started_at: float, ended_at: float) -> None:
        self.spans = in_order(with_waits(spans))
        self.started_at = started_at
        self.start = {span.id: 2 * n for n, span in enumerate(self.spans)}
        by_id = {span.id: span for span in self.spans}
        held = defaultdict[int | None, list[Span]](list)
        for span in self.spans:
            held[parent_of(span, by_id)].append(span)
        self.events: list[Event] = []
        for span in self.spans:
            self.events.append(Event(span, span.started_at, self._begun(span, by_id)))
            inside = self._ends(held[span.id], span.ended_at)
            is_work = span.call is not None or not inside
            after = ((self.start[span.id], span.duration_s),) if is_work else inside
            self.events.append(Event(span, span.ended_at, after, is_work))
        self.events.append(Event(None, ended_at, self._ends(held[None], ended_at)))
        self.order = self._order()

    def _order(self) -> tuple[int, ...]:
        waits = {n: [before for before, _ in event.after] for n, event in enumerate(self.events)}
        try:
            return tuple(TopologicalSorter(waits).static_order())
        except CycleError as error:
            circle = [self.events[n].span for n in error.args[1]]
            names = " > ".join(dict.fromkeys(span.name for span in circle if span))
            raise ConfigurationError(
                f"The steps of this trace wait in a circle: {names}."
            ) from None

    def thinned(self) -> Order | None:
        """With the last alone of the waits that instants showed; None where that is no other."""
        ends = {span.id: span.ended_at for span in self.spans}
        thin = []
        for span in self.spans:
            waits = span.waits_for
            if len(waits) > 1 and all(wait.basis == "inferred" for wait in waits):
                span = replace(span, waits_for=(max(waits, key=lambda wait: ends[wait.id]),))
            thin.append(span)
        return Order(thin, self.started_at, self.events[-1].at) if thin != self.spans else None

    def beside(self, sets: Iterable[tuple[str, ...]]) -> dict[int, list[int]]:
        """Which steps would run beside which, the first of each set of names first.

        Raises ConfigurationError where one waited for what another gave, or none for another.
        """
        by_id = {span.id: span for span in self.spans}
        found: dict[int, list[int]] = {}
        for names in sets:
            before = len(found)
            for span in self.spans:
                for wait in span.waits_for if span.name in names else ():
                    other = by_id.get(wait.id)
                    if other is None or other.name not in names or other is span:
                        continue
                    if wait.basis == "causal":
                        raise ConfigurationError(
                            f"{span.name!r} cannot run beside {other.name!r}: the trace shows that "
                            "it waited for what that gave."
                        )
                    found[span.id] = [*found.get(other.id, []), other.id]
            if len(found) == before:
                raise ConfigurationError(
                    f"--parallel {','.join(names)}: none of these waited for another, so nothing "
                    "changes. What waited for what is in --json."
                )
        return found

    def rewired(self, beside: Mapping[int, Sequence[int]], dropped: Collection[int]) -> Order:
        """The events, had some steps begun beside others, or not been there.

        `beside` says of a step which others it runs beside; it begins with the first of them, and
        who waited for it waits for all of them. A step that is dropped begins without a lag.
        """
        if not beside and not dropped:
            return self
        first = {self.start[id]: self.events[self.start[ids[0]]] for id, ids in beside.items()}
        ends = {self.start[id] + 1: ids for id, ids in beside.items()}
        changed = copy(self)
        changed.events = []
        for n, event in enumerate(self.events):
            begins = first.get(n, event)
            waits = dict(begins.after)
            for end in [end for end in waits if end in ends]:
                waits |= {self.start[id] + 1: waits[end] for id in ends[end]}
            if event.span and event.span.id in dropped and n == self.start[event.span.id]:
                waits = dict.fromkeys(waits, 0.0)
            at = event.at if waits else begins.at
            changed.events.append(replace(event, at=at, after=tuple(waits.items())))
        changed.order = changed._order() if beside else self.order
        return changed

    def _begun(self, span: Span, by_id: dict[int, Span]) -> tuple[tuple[int, float], ...]:
        parent = by_id.get(span.parent_id or 0) if parent_of(span, by_id) is not None else None
        waits = [by_id[wait.id] for wait in span.waits_for if wait.id in by_id]
        if waits:
            latest = max(wait.ended_at for wait in waits)
            lag = max(0.0, elapsed_s(latest, span.started_at))
            after = [(self.start[wait.id] + 1, lag) for wait in waits]
            if any(wait.parent_id != span.parent_id for wait in waits) and parent:
                after.append((self.start[parent.id], 0.0))
            return tuple(after)
        if parent:
            return ((self.start[parent.id], elapsed_s(parent.started_at, span.started_at)),)
        return ()

    def _ends(self, inside: Iterable[Span], at: float) -> tuple[tuple[int, float], ...]:
        ended = [span for span in inside if span.ended_at <= at]
        lag = elapsed_s(max((span.ended_at for span in ended), default=at), at)
        return tuple((self.start[span.id] + 1, lag) for span in ended)

    def times(self, ended: Callable[[Span, T], T], zero: T) -> list[T]:
        """When each event happens, if a step that begins at an instant ends at `ended` of that.

        `zero` says in what: 0.0 for instants, an array for a draw of each.
        """
        times: list[T] = [zero] * len(self.events)
        for n in self.order:
            event = self.events[n]
            if event.is_work and event.span:
                times[n] = ended(event.span, times[n - 1])
            elif event.after:
                times[n] = _latest([later(times[before], lag) for before, lag in event.after])
            else:
                times[n] = zero + event.at
        return times

    def critical_path(self) -> list[Segment]:
        """What the run's end waited for, from its start; the stretches add up to the run."""
        found = list[Segment]()
        n: int | None = len(self.events) - 1
        until = self.events[-1].at

        def back_to(at: float, span: Span | None) -> None:
            nonlocal until
            at = min(at, until)
            if at < until:
                found.append(Segment(span, at, until))
            until = at

        while n is not None:
            event = self.events[n]
            begun = self.events[n - 1] if event.is_work else event
            latest = max(begun.after, key=lambda pair: self.events[pair[0]].at, default=None)
            before = latest[0] if latest else None
            ended_at = self.events[before].at if before is not None else self.started_at
            if event.is_work:
                # A tool can be logged as begun before the call that asked for it had ended.
                back_to(max(begun.at, ended_at), event.span)
            back_to(ended_at, None)
            n = before
        return found[::-1]

    def slack_s(self) -> dict[int, float]:
        """How much longer each span could take, and the run end no later."""
        at = self.times(lambda span, start: later(start, span.duration_s), 0.0)
        last = [at[-1]] * len(at)
        for n in reversed(self.order):
            for before, lag in self.events[n].after:
                last[before] = min(last[before], last[n] - lag)
        return {
            id: max(0.0, elapsed_s(at[start + 1], last[start + 1]))
            for id, start in self.start.items()
        }


def later(instant: T, seconds: float) -> T:
    """Some seconds after an instant, to the nanosecond."""
    return round(instant + seconds, 9) if isinstance(instant, float) else instant + seconds


def _latest(times: list[T]) -> T:
    if isinstance(times[0], float):
        return max(times)
    from numpy import maximum

    return reduce(maximum, times)
