"""The essay's steps: what each is asked to do, what its prompt shows, and which tool it must call.

A step that calls no tool answers in words. `run_tests` is not here: no model is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from labtools.coding_agent import essay
from labtools.coding_agent.tools import Edit, Locate, Read, Search, Tool, Verdict

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
GENERATE_FIX = Step(
    "generate_fix",
    ROWS["Generate fix"],
    "Carry out the plan. Answer with the corrected source file, whole, in one ```python block.",
    ("failure", "handbook", "source", "test", "attempts", "plan"),
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
    APPLY_PATCH,
    VERIFY,
)
"""Every question, in order. `read_both` stands for the two reads when one answer makes both."""

RUN_TESTS = "run_tests"
"""The step that no model takes part in."""
