"""The checks of the lab on one's own agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labtools.course.verdict import Verdict, answer_of, check, expect, not_yet, number_from, right
from labtools.lab.trace import Trace
from labtools.records import Span
from labtools.wording import count


def _trace(*pauses: tuple[float, float]) -> Trace:
    """Two calls, a tool, and what a person took in between."""
    spans = [Span(1, "call 1", "llm", 0.0, 2.0), Span(2, "read", "tool", 2.0, 2.5)]
    spans += [Span(n, "a person", "human", *pause) for n, pause in enumerate(pauses, start=3)]
    spans.append(Span(9, "call 2", "llm", 12.5, 14.0))
    return Trace(tuple(spans), 0.0, 14.0, "an agent", "wall")


@check
def check_agents_seconds(agents_seconds: Callable[[Trace], float]) -> Verdict:
    """`agents_seconds(trace)` is the run less the time that a person took, counted once."""
    for pauses, truth in ((((2.5, 12.5),), 4.0), (((2.5, 10.5), (4.5, 12.5)), 4.0), ((), 14.0)):
        trace = _trace(*pauses)
        found = number_from(agents_seconds, trace)
        waited_s = sum(end - start for start, end in pauses)
        expect(
            found,
            truth,
            f"With {count(len(pauses), 'pause')} you get {found:.2f} s",
            (trace.duration_s, ". A person was reading for a part of that."),
            (trace.duration_s - waited_s, ". Two pauses that overlap are one wait: covered_s."),
            (3.5, ". Tools are the agent's own time."),
            (2.0, ". Count every call, and the tools."),
            otherwise=f"; the agent's are {truth:.2f} s.",
        )
    return right("no lever shortens a pause, so no lever is to be judged by it.")


@check
def check_first_difference(
    first_difference: Callable[[Sequence[str], Sequence[str]], int | None],
) -> Verdict:
    """`first_difference(before, now)` is the place, from 0, of the block that broke the prefix.

    None where nothing broke: the new prompt begins with the one before it, or that with the new.
    """
    cases: tuple[tuple[str, str, int | None, str], ...] = (
        ("system user", "system user answer", None, "What was added at the end breaks nothing."),
        ("clock-1 user", "clock-2 user", 0, "The first block is another one."),
        ("read write user", "write read user", 0, "The same blocks in another order: compare "
         "them place by place."),
        ("system user answer", "system user", None, "What was cut off at the end breaks nothing."),
        ("system user answer", "system user other more", 2, "Name the first place that differs."),
        ("system x x", "system y x", 1, "Name the first place that differs."),
    )  # fmt: skip
    for before, now, truth, words in cases:
        found = answer_of(first_difference, before.split(), now.split())
        if found is True or found is False or found != truth:
            not_yet(f"({before}) and then ({now}): you say {found!r}, it is {truth!r}. {words}")
    return right("everything behind that place is paid again, whatever it says.")


@check
def check_asked_by(
    asked_by: Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], str | None],
) -> Verdict:
    """`asked_by(tool, calls)` names the call whose answer asked for the tool; None if none did."""
    calls = [
        {"name": "call 1", "ended_at": 6.20, "asked": ["a", "b"]},
        {"name": "call 2", "ended_at": 9.05, "asked": ["c"]},
        {"name": "call 3", "ended_at": 14.0, "asked": []},
    ]
    for id, started_at, truth, words in (
        ("c", 9.05, "call 2", "It stands in what that call asked for."),
        ("a", 6.15, "call 1", "It was logged as begun before its call had ended, and yet it "
         "belongs to it."),
        ("b", 9.50, "call 1", "Another call had ended by then, and it is not the one that asked."),
        ("z", 14.5, None, "No call asked for it: say None, and infer from instants if you must."),
    ):  # fmt: skip
        found = answer_of(asked_by, {"id": id, "started_at": started_at}, calls)
        if found != truth:
            not_yet(f"Tool {id!r}, begun at {started_at} s: you say {found!r}. {words}")
    return right("an id is a cause; an instant is only a guess.")
