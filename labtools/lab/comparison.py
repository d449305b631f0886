"""Two runs side by side: the same step of both in one row, and what only one of them did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labtools.lab.span_layout import depths, in_order
from labtools.records import Span

if TYPE_CHECKING:
    import pandas

    from labtools.lab.trace import Trace

_Key = tuple[str, int]
"""A step's name, and which of the steps of that name it is."""


def comparison(one: Trace, other: Trace) -> pandas.DataFrame:
    """A row a step, aligned by name and occurrence, and one for the whole; seconds."""
    import pandas as pd

    ours, theirs = _steps(one.spans), _steps(other.spans)
    depth = {**_depths(theirs, other.spans), **_depths(ours, one.spans)}
    rows = [
        {
            "step": "  " * depth[key] + (key[0] if key[1] == 1 else f"{key[0]} ({key[1]})"),
            "total_s": ours[key].duration_s if key in ours else None,
            "other_s": theirs[key].duration_s if key in theirs else None,
            "only_in": "" if key in ours and key in theirs else "this" if key in ours else "other",
        }
        for key in _merged(list(ours), list(theirs))
    ]
    whole = {"total_s": one.duration_s, "other_s": other.duration_s, "only_in": ""}
    table = pd.DataFrame([*rows, {"step": "the run", **whole}])
    times = table[["total_s", "other_s"]].astype(float)
    table[["total_s", "other_s"]] = times
    table.insert(3, "difference_s", times["other_s"] - times["total_s"])
    if not any(table["only_in"]):
        table = table.drop(columns="only_in")
    return table.round(3)


def _steps(spans: Iterable[Span]) -> dict[_Key, Span]:
    seen: Counter[str] = Counter()
    steps = {}
    for span in in_order(spans):
        seen[span.name] += 1
        steps[span.name, seen[span.name]] = span
    return steps


def _depths(steps: dict[_Key, Span], spans: tuple[Span, ...]) -> dict[_Key, int]:
    of = depths(spans)
    return {key: of[span.id] for key, span in steps.items()}


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
