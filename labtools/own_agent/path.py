"""The critical path: the chain of steps that the run's end waited for, and what they were doing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labtools.lab.trace import Trace
from labtools.lab.waits import Order
from labtools.records import Span

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


def critical_path(trace: Trace, order: Order) -> list[Segment]:
    """The path from the run's start to its end; its stretches add up to the run."""
    events, found = order.events, list[Segment]()
    n: int | None = len(events) - 1
    until = trace.ended_at

    def back_to(at: float, span: Span | None) -> None:
        nonlocal until
        at = min(at, until)
        if at < until:
            found.append(Segment(span, at, until))
        until = at

    while n is not None:
        event = events[n]
        begun = events[n - 1] if event.is_work else event
        before = max(begun.after, key=lambda pair: events[pair[0]].at, default=(None, 0.0))[0]
        if event.is_work:
            # A tool can be logged as begun before the call that asked for it had ended.
            back_to(max(begun.at, events[before].at if before is not None else 0.0), event.span)
        back_to(trace.started_at if before is None else events[before].at, None)
        n = before
    return found[::-1]


def shares(path: Iterable[Segment]) -> dict[str, float]:
    """Seconds of the path by what they went to; kinds that took none are left out."""
    total = dict.fromkeys(KINDS, 0.0)
    for segment in path:
        for kind, seconds in segment.kinds():
            total[kind] += seconds
    return {kind: seconds for kind, seconds in total.items() if seconds > 0}
