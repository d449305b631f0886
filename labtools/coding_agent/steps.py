"""The essay's steps: what each is asked to do, what its prompt shows, and which tool it must call.

A step that calls no tool answers in words. `run_tests` is not here: no model is asked.
A run's table holds the steps that it took beside the essay's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labtools.coding_agent import essay
from labtools.coding_agent.essay import EssayStep
from labtools.coding_agent.tools import Edit, Locate, Read, Search, Tool, Verdict
from labtools.lab.spans import in_order

if TYPE_CHECKING:
    import pandas

    from labtools.lab.trace import Trace


ROWS = {row.name: row for row in essay.STEPS}


@dataclass(frozen=True, slots=True)
class Step:
    """One question to a model."""

    name: str
    row: essay.EssayStep
    """The essay's row: its type for a router, and how long the prompt is."""
    task: str
    shows: tuple[str, ...]
    """Which notes the prompt holds, in this order: what changes least comes first."""
    tool: type[Tool] | None = None
    calls: int = 1


PARSE_ERROR = Step(
    "parse_error",
    ROWS["Parse error"],
    "Extract the error from the test's output. Call search with it and with a text, such as the "
    "name of a function, that finds the code at fault.",
    ("failure",),
    Search,
)
LOCATE_FILE = Step(
    "locate_file",
    ROWS["Locate file"],
    "Choose from the search results. Call locate with the source file to fix and the test file.",
    ("failure", "search_results", "attempts"),
    Locate,
)
READ_SOURCE = Step(
    "read_source",
    ROWS["Read source"],
    "Call read for the source file.",
    ("failure", "search_results", "location"),
    Read,
)
READ_TEST = Step(
    "read_test",
    ROWS["Read test"],
    "Call read for the test file.",
    ("failure", "search_results", "location"),
    Read,
)
READ_BOTH = Step(
    "read_both",
    ROWS["Read source"],
    "Call read twice in this one answer: first for the source file, then for the test file.",
    ("failure", "search_results", "location"),
    Read,
    calls=2,
)
PLAN = Step(
    "plan",
    ROWS["Understand + plan"],
    "Say what the test expects, what the code does instead, and what to change. No code yet.",
    ("failure", "handbook", "source", "test", "attempts"),
)
_WHOLE_FILE = "Answer with the corrected source file, whole, in one ```python block."
_EDITS = """Answer with edits of the source file, each a short piece of it and what to put there:
<<<<<<< SEARCH
text that occurs once, exactly as it stands
=======
the new text
>>>>>>> REPLACE"""
GENERATE_FIX = Step(
    "generate_fix",
    ROWS["Generate fix"],
    f"Carry out the plan. {_WHOLE_FILE}",
    ("failure", "handbook", "source", "test", "attempts", "plan"),
)
PLAN_AND_FIX = Step(
    "plan_and_fix",
    ROWS["Generate fix"],
    "First say what the test expects, what the code does instead, and what to change. Then do it. "
    f"{_WHOLE_FILE}",
    PLAN.shows,
)
APPLY_PATCH = Step(
    "apply_patch",
    ROWS["Apply patch"],
    "Call edit to make this change. Keep `old` and `new` short.",
    ("failure", "change"),
    Edit,
)
VERIFY = Step(
    "verify",
    ROWS["Verify"],
    "Judge the change, not only the test's result: is it right for inputs that no test tries? Call "
    "verdict. If it is not right, say why, and go back to plan, or to locate_file if another file "
    "is at fault.",
    ("failure", "change", "report"),
    Verdict,
)

STEPS = (
    PARSE_ERROR,
    LOCATE_FILE,
    READ_SOURCE,
    READ_TEST,
    READ_BOTH,
    PLAN,
    GENERATE_FIX,
    PLAN_AND_FIX,
    APPLY_PATCH,
    VERIFY,
)
"""Every question, in order."""

TOGETHER = {
    READ_BOTH.name: (READ_SOURCE.name, READ_TEST.name),
    PLAN_AND_FIX.name: (PLAN.name, GENERATE_FIX.name),
}
"""Of a question that stands for two: which two."""


def asking_for_edits(step: Step) -> Step:
    """The same question, to be answered with edits."""
    return replace(step, task=step.task.replace(_WHOLE_FILE, _EDITS))


def with_a_short_plan(step: Step, tokens: int) -> Step:
    """The same question, with a limit on the plan."""
    return replace(step, task=f"{step.task}\nSpend at most {tokens} tokens on the plan.")


RUN_TESTS = "run_tests"
"""The step that no model takes part in."""


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

    def essays(row: CaseStudyRow, field: str) -> float | None:
        """None for what the essay does not have, be it the row or a call's figure."""
        return getattr(row.essay, field, None) or None

    own = ("step", "output_tokens", "ttft_s", "decode_s", "total_s")
    table = pd.DataFrame(
        {
            **{name: getattr(row, name) for name in own},
            "essay_tokens": essays(row, "output_tokens"),
            **{f"essay_{name}": essays(row, name) for name in own[2:]},
        }
        for row in case_study_rows(trace)
    )
    for column in ("output_tokens", "essay_tokens"):
        table[column] = table[column].astype("Int64")
    return table.round(3)
