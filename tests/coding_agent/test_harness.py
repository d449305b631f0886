"""What code reads out of pytest's reports, and where it has to ask after all."""

from __future__ import annotations

import pytest

from labtools.coding_agent import load_scenario
from labtools.coding_agent.pytest_run import run_tests
from labtools.coding_agent.tools import failure_in, location, search_for
from labtools.coding_agent.workspace import ToolError, Workspace

pytestmark = pytest.mark.usefixtures("remembered_test_runs")

FOUND = {
    "one_shot": ("listing/pages.py", "tests/test_pages.py", "def pages"),
    "second_iteration": ("billing/due_dates.py", "tests/test_due_dates.py", "def add_months"),
    "silent_failure": ("rooms/bookings.py", "tests/test_bookings.py", "def clashes"),
    # The model looks there first, too.
    "wrong_location": ("ledger/report.py", "tests/test_report.py", "def total_line"),
}


@pytest.mark.parametrize("name", FOUND)
def test_in_the_scenarios_it_finds_what_the_model_says_first(name: str) -> None:
    with load_scenario(name).workspace() as workspace:
        report = run_tests(workspace).output
        found, search = location(report, workspace), search_for(report)
        assert (found.source, found.test, search.text) == FOUND[name]
        assert search.error in report
        assert found.source in search.use(workspace)


def test_where_the_code_raised_the_last_frame_in_it_counts() -> None:
    with load_scenario("second_iteration").workspace() as workspace:
        failure = failure_in(run_tests(workspace).output)
    assert failure.files == ("tests/test_due_dates.py", "billing/due_dates.py")
    assert failure.error == "ValueError: day is out of range for month"
    assert failure.statement == "assert add_months(start, 1) == date(2024, 2, 29)"


TEST = "tests/test_pages.py:3: in test_it\n    {}\nE   AssertionError"


@pytest.mark.parametrize(
    ("report", "imports", "reason"),
    [
        ("no output", "", "names no failing line"),
        (TEST.format("assert False"), "import json", "imports nothing that is here"),
        (TEST.format("assert False"), "def (", "imports nothing that is here"),
        (TEST.format("assert False").replace("pages", "gone"), "", "no file"),
    ],
)
def test_what_it_cannot_tell_it_does_not_guess(
    workspace: Workspace, report: str, imports: str, reason: str
) -> None:
    (workspace.root / "tests/test_pages.py").write_text(imports)
    with pytest.raises(ToolError, match=reason):
        location(report, workspace)


def test_a_failing_line_without_a_call_gives_nothing_to_search_for() -> None:
    with pytest.raises(ToolError, match="calls nothing"):
        search_for(TEST.format("assert False"))
