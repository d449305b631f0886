"""Which calls of two evaluations are the same call of the same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from labtools.evaluation.observations import Observation

Key = tuple[str, int, str, int]


def keyed(calls: Iterable[Observation]) -> Mapping[Key, Observation]:
    """Calls by block, lane, label, and how many of that label the lane had before.

    Where both endpoints know all forms of answer, that is the plan's own key. Where one lacks a
    form, its rounds are shorter, and the same place holds another call.
    """
    seen: Counter[tuple[str, int, str]] = Counter()
    found: dict[Key, Observation] = {}
    for one in sorted(calls, key=lambda one: one.key):
        where = one.block, one.lane, one.label
        found[*where, seen[where]] = one
        seen[where] += 1
    return found


def pairs(
    first: Iterable[Observation], second: Iterable[Observation]
) -> list[tuple[Observation, Observation]]:
    """The calls that both made, in the plan's order."""
    ours, theirs = keyed(first), keyed(second)
    return [(ours[key], theirs[key]) for key in ours if key in theirs]
