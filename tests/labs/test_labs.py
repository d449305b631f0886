"""What every lab must be, whatever it teaches."""

from __future__ import annotations

import pytest
from lab_runner import LABS, TEMPLATE, cells, solutions, solved_verdicts, stored_verdicts, tags
from store_outputs import IGNORE_TAG

PARTS = [
    "## Predict",
    "## Measure",
    "## Explain",
    "## Break it",
    "## Exercise 1",
    "## Now on your own endpoint",
    "## Take away",
]
LONGEST_CELL_LINES = 15

# A lab that is made from the template starts as it has to be.
each_lab = pytest.mark.parametrize(
    "lab", [*LABS, TEMPLATE], ids=lambda lab: f"{lab.parent.name}/{lab.stem}"
)


def test_there_are_labs():
    assert LABS


@each_lab
def test_an_untouched_exercise_is_not_yet_right(lab):
    # nbval runs the lab, and compares what is stored with what its checks say now.
    found = stored_verdicts(lab)
    assert len(found) == len(solutions(lab)) >= 2
    assert [verdict for verdict in found if not verdict.startswith("Not yet: ")] == []
    checks = [cell for cell in cells(lab) if "check" in tags(cell)]
    assert [cell for cell in checks if IGNORE_TAG in tags(cell)] == []


@each_lab
def test_every_solution_passes_its_check_in_a_page_too(lab, page, undrawn):
    # nbval runs the lab where there are threads. Here it has none, and its recording plays as well.
    found = solved_verdicts(lab)
    assert len(found) == len(solutions(lab))
    assert [verdict.passed for verdict in found] == [True] * len(found), found


@each_lab
def test_the_parts_come_in_order(lab):
    text = "\n".join(cell.source for cell in cells(lab) if cell.cell_type == "markdown")
    places = [text.find(part) for part in PARTS]
    assert all(place >= 0 for place in places), dict(zip(PARTS, places, strict=True))
    assert places == sorted(places)


@each_lab
def test_the_head_says_minutes_and_what_to_read(lab):
    head = cells(lab)[0].source
    assert head.startswith("# Lab: ")
    assert "**Minutes:**" in head
    assert "**Read first:**" in head


@each_lab
def test_code_cells_are_short(lab):
    for number, cell in enumerate(cells(lab)):
        lines = cell.source.strip().count("\n") + 1
        assert cell.cell_type != "code" or lines <= LONGEST_CELL_LINES, f"cell {number}: {lines}"


@each_lab
def test_every_exercise_is_followed_by_its_check(lab):
    code = [cell for cell in cells(lab) if cell.cell_type == "code"]
    for cell, after in zip(code, [*code[1:], None], strict=True):
        if "exercise" in tags(cell):
            assert after is not None
            assert "check" in tags(after)
