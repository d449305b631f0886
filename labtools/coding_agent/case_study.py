"""The case study's table, from a run: each step's tokens and times beside the essay's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labtools.coding_agent.essay import EssayStep
from labtools.coding_agent.steps import ROWS, RUN_TESTS, STEPS, TOGETHER
from labtools.lab.spans import in_order

if TYPE_CHECKING:
    import pandas

    from labtools.lab.trace import Trace

_ESSAY_ROWS = {step.name: step.row for step in STEPS if step.name not in TOGETHER}
_ESSAY_ROWS[RUN_TESTS] = ROWS["Run tests"]


@dataclass(frozen=True, slots=True)
class CaseStudyRow:
    """One step of a run. The last four are None for the test run, and for a call that failed."""

    step: str
    total_s: float
    essay: EssayStep | None
    """None for a step that the essay does not have: two of its steps in one answer."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    ttft_s: float | None = None
    decode_s: float | None = None


def case_study_rows(trace: Trace) -> tuple[CaseStudyRow, ...]:
    """The calls and the test runs of an agent's run, in the order in which they began.

    A second iteration repeats steps; so does a step that was asked again.
    """
    rows = []
    for span in in_order(trace.spans):
        if span.call is not None:
            call = span.call
            figures = (call.input_tokens, call.output_tokens, call.ttft_s, call.decode_s)
        elif span.name == RUN_TESTS:
            figures = (None, None, None, None)
        else:
            continue
        rows.append(CaseStudyRow(span.name, span.duration_s, _ESSAY_ROWS.get(span.name), *figures))
    return tuple(rows)


def case_study_table(trace: Trace) -> pandas.DataFrame:
    """The rows as a table, the essay's figures in columns beside the run's."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "step": row.step,
            "output_tokens": row.output_tokens,
            "ttft_s": row.ttft_s,
            "decode_s": row.decode_s,
            "total_s": row.total_s,
            "essay_tokens": (row.essay.output_tokens or None) if row.essay else None,
            "essay_ttft_s": row.essay.ttft_s if row.essay and row.essay.is_call else None,
            "essay_decode_s": row.essay.decode_s if row.essay and row.essay.is_call else None,
            "essay_total_s": row.essay.total_s if row.essay else None,
        }
        for row in case_study_rows(trace)
    )
    for column in ("output_tokens", "essay_tokens"):
        table[column] = table[column].astype("Int64")
    return table.round(3)
