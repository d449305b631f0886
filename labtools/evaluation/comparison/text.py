"""A comparison as a short table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from labtools.evaluation.comparison.result import Comparison, Fact
from labtools.wording import duration


def as_text(found: Comparison) -> str:
    """One line a quantity: each endpoint's p50, and what the pairs say against the first."""
    names = [one.name for one in found.endpoints]
    rows = [["", *names, *(f"{name} against {names[0]}" for name in names[1:])]]
    for fact in found.facts:
        rows.append([fact.what, *(shown(fact, value) for value in fact.values)])
    for row in found.quantities:
        values = [duration(one.p50.value) if one.p50 else "–" for one in row.stats]
        said = [
            one.finding
            if one.relative is None or one.finding not in ("slower", "faster")
            else f"{one.finding} {one.relative:+.0%}"
            for one in row.against
        ]
        rows.append([row.what, *values, *said])
    lines = [f"! {warning}" for warning in found.warnings]
    lines += _aligned(rows)
    lines += [f"not compared: {one.what}: {one.reason}" for one in found.not_compared]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def shown(fact: Fact, value: float | None) -> str:
    """A fact's value in its unit."""
    if value is None:
        return "–"
    if fact.unit == "s":
        return duration(value)
    return f"{value:.0%}" if fact.unit == "share" else f"{value:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    columns = list(zip_longest(*rows, fillvalue=""))
    widths = [max(map(len, column)) for column in columns]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in zip(*columns, strict=True)
    ]
