"""TTFT by context, cold, and what a token of the prompt costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from labtools.evaluation.labels import AxisName
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.summary.axes import ContextRow, Contexts
from labtools.evaluation.summary.counting import tpot_s
from labtools.evaluation.summary.statistics import median, stat

# At long contexts attention bends the line. The slope is for the lengths that agents' calls have.
LONGEST_FOR_SLOPE = 16_000


def contexts(measured: Measured) -> Contexts:
    """A row for each length that was asked for, shortest first."""
    groups: dict[int, list[Observation]] = defaultdict(list)
    for one in measured.on(AxisName.CONTEXT):
        groups[int(one.at["input_tokens"])].append(one)
    rows = tuple(_row(asked, groups[asked]) for asked in sorted(groups))
    if not rows:
        return Contexts((), None, None, "Not measured.")
    points = [(row.input_tokens, row.ttft_s.p50.value) for row in rows if row.ttft_s.p50]
    near = [point for point in points if point[0] <= LONGEST_FOR_SLOPE]
    slope, fixed_s = _line(near if len(near) > 1 else points)
    if slope is None:
        return Contexts(rows, None, None, "A slope needs TTFT at two lengths.")
    if slope <= 0:
        return Contexts(rows, None, fixed_s, "TTFT does not grow with the prompt.")
    return Contexts(rows, 1 / slope, fixed_s, None)


def _row(asked: int, calls: Sequence[Observation]) -> ContextRow:
    records = [one.record for one in calls]
    failed = sum(record.error is not None for record in records)
    counted = median(record.input_tokens for record in records if not record.error)
    return ContextRow(
        asked,
        asked if counted is None else counted,
        stat((None if r.error else r.ttft_s for r in records), failed),
        stat((tpot_s(record) for record in records), failed),
    )


def _line(points: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Slope and height at 0: medians of the slopes of all pairs and of what each leaves."""
    slope = median(
        (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2
    )
    if slope is None:
        return None, None
    return slope, median(y - slope * x for x, y in points)
