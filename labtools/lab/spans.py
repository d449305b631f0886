"""The spans of a run: how deep they lie, in which lane, how much of the time they cover; and those
of two runs side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from labtools.clock import elapsed_s
from labtools.records import Span

if TYPE_CHECKING:
    import pandas

    from labtools.lab.trace import Trace


def lanes(spans: Sequence[Span]) -> dict[int, int]:
    """A lane for each span's id, such that spans in one lane nest or follow, never overlap.

    A span shares its parent's lane unless it outlives its parent or a sibling is there at the
    same time. Lane 0 holds the first span; concurrent ones take the lowest free lane above.
    """
    placed: dict[int, int] = {}
    by_id = {span.id: span for span in spans}
    for span in in_order(spans):
        lane = placed.get(span.parent_id, 0) if span.parent_id is not None else 0
        held_by = {id for id in _ancestors(span, by_id) if by_id[id].ended_at >= span.ended_at}
        while any(
            placed[other.id] == lane and other.id not in held_by and _overlap(span, other)
            for other in spans
            if other.id in placed
        ):
            lane += 1
        placed[span.id] = lane
    return placed


def in_order(spans: Iterable[Span]) -> list[Span]:
    """Spans as they began; what holds others comes before what it holds."""
    return sorted(spans, key=lambda span: (span.started_at, span.id))


def depths(spans: Sequence[Span]) -> dict[int, int]:
    """How many spans hold each span."""
    by_id = {span.id: span for span in spans}
    return {span.id: len(_ancestors(span, by_id)) for span in spans}


def covered_s(spans: Iterable[Span]) -> float:
    """Seconds during which at least one of the spans was under way."""
    total, until = 0.0, float("-inf")
    for span in in_order(spans):
        total += max(0.0, span.ended_at - max(span.started_at, until))
        until = max(until, span.ended_at)
    return elapsed_s(0.0, total)


def _overlap(one: Span, other: Span) -> bool:
    return one.started_at < other.ended_at and other.started_at < one.ended_at


def parent_of(span: Span, known: Container[int]) -> int | None:
    """The span that holds this one, if the trace has it; what holds another began before it."""
    parent = span.parent_id
    return parent if parent is not None and parent < span.id and parent in known else None


def _ancestors(span: Span, by_id: dict[int, Span]) -> list[int]:
    found = []
    while (parent := parent_of(span, by_id)) is not None:
        found.append(parent)
        span = by_id[parent]
    return found


_Key = tuple[str, int]
"""A step's name, and which of the steps of that name it is."""


def comparison(one: Trace, other: Trace) -> pandas.DataFrame:
    """A row a step, aligned by name and occurrence, and one for the whole; seconds."""
    import pandas as pd

    ours, theirs = _steps(one.spans), _steps(other.spans)
    rows = []
    for key in _merged(list(ours), list(theirs)):
        (name, number), (depth, _) = key, ours.get(key) or theirs[key]
        rows.append(
            {
                "step": "  " * depth + (name if number == 1 else f"{name} ({number})"),
                "total_s": ours[key][1] if key in ours else None,
                "other_s": theirs[key][1] if key in theirs else None,
                "only_in": "other" if key not in ours else "" if key in theirs else "this",
            }
        )
    whole = {"total_s": one.duration_s, "other_s": other.duration_s, "only_in": ""}
    table = pd.DataFrame([*rows, {"step": "the run", **whole}])
    times = table[["total_s", "other_s"]].astype(float)
    table[["total_s", "other_s"]] = times
    table.insert(3, "difference_s", times["other_s"] - times["total_s"])
    if not any(table["only_in"]):
        table = table.drop(columns="only_in")
    return table.round(3)


def _steps(spans: Sequence[Span]) -> dict[_Key, tuple[int, float]]:
    """Of each step its depth, and what it took."""
    seen: Counter[str] = Counter()
    depth, steps = depths(spans), {}
    for span in in_order(spans):
        seen[span.name] += 1
        steps[span.name, seen[span.name]] = depth[span.id], span.duration_s
    return steps


def _merged(ours: list[_Key], theirs: list[_Key]) -> Iterable[_Key]:
    """Ours in their order; each that only they have follows the step that it followed there."""
    known = set(ours)
    following = defaultdict[_Key | None, list[_Key]](list)
    last: _Key | None = None
    for key in theirs:
        if key in known:
            last = key
        else:
            following[last].append(key)
    yield from following[None]
    for key in ours:
        yield key
        yield from following[key]
