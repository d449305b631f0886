"""What the grader says of notebooks as students hand them in."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import grade as grader
import nbformat
import pytest
from grade import Grade, course_checks, grade
from lab_runner import LABS, solutions, tags

LAB = next(lab for lab in LABS if lab.stem == "multiplier")
CHECKS = course_checks()

# A lab of three exercises that starts in no time: its verdicts only look like those of labtools.
TITLE = "# Lab 0: Three sums"
VERDICT = """\
class Verdict(str):
    __repr__ = str.__str__

def check(found, wanted):
    good = found == wanted
    return Verdict(f"Right: {found}" if good else f"Not yet: {found} is not {wanted}")
"""
SMALL = [
    ("markdown", f"{TITLE}\n\nAdd."),
    ("code", VERDICT),
    ("code", "first = 3"),
    ("code", "check(first, 2)"),
    ("code", "second = lambda: 3"),
    ("code", "check(second(), 4)"),
    ("code", "third = 6"),
    ("code", "check(third, 6)"),
]
SMALL_CHECKS = {TITLE: [SMALL[3][1], SMALL[5][1], SMALL[7][1]]}


def hand_in(path: Path, cells: list[tuple[str, str]]) -> Path:
    new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(cells=[new[kind](source) for kind, source in cells])
    nbformat.write(notebook, path)
    return path


def small(path: Path, **changed: str) -> Path:
    """The small lab with some cells changed, `cell_2` being the first exercise."""
    cells = list(SMALL)
    for name, source in changed.items():
        place = int(name.removeprefix("cell_"))
        cells[place] = (cells[place][0], source)
    return hand_in(path, cells)


def graded(path: Path, limit_s: int = 20) -> list[tuple[str, str]]:
    return [(one.verdict, one.message) for one in grade(path, SMALL_CHECKS, limit_s)]


def solved(lab: Path) -> Any:
    notebook, answers = nbformat.read(lab, as_version=4), iter(solutions(lab))
    for cell in notebook.cells:
        if "exercise" in tags(cell):
            cell.source = next(answers)
    return notebook


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_every_lab_of_the_course_can_be_graded(lab: Path) -> None:
    title = grader._first_line(nbformat.read(lab, as_version=4))
    assert len(CHECKS[title]) == len(solutions(lab))
    assert len(set(CHECKS[title])) == len(CHECKS[title])


def test_an_untouched_lab_has_nothing_right_yet() -> None:
    found = grade(LAB, CHECKS)
    assert [(one.exercise, one.verdict) for one in found] == [(n, "not yet") for n in (1, 2, 3)]
    assert "TTFT over decode" in found[0].message
    assert {(one.notebook, one.lab) for one in found} == {
        ("multiplier.ipynb", "# Lab 1: The latency multiplier")
    }


def test_a_solved_lab_has_all_right(tmp_path: Path) -> None:
    path = tmp_path / "ada.ipynb"
    nbformat.write(solved(LAB), path)
    assert [one.verdict for one in grade(path, CHECKS)] == ["right"] * 3


def test_an_error_in_one_exercise_is_named_and_the_others_are_graded(tmp_path: Path) -> None:
    (first, why), *others = graded(small(tmp_path / "broken.ipynb", cell_2="first = ("))
    assert first == "error"
    assert why.startswith("SyntaxError: ")
    assert others == [("not yet", "3 is not 4"), ("right", "6")]


@pytest.mark.slow
def test_what_never_ends_or_ends_the_kernel_costs_its_own_exercise_only(tmp_path: Path) -> None:
    endless = "def second():\n    while True: pass"  # noticed where the check calls it
    path = small(tmp_path / "bad.ipynb", cell_2="import os; os._exit(1)", cell_4=endless)
    assert graded(path, limit_s=2) == [
        ("error", "RuntimeError: ended the kernel"),
        ("error", "TimeoutError: did not end within 2 s"),
        ("right", "6"),
    ]


@pytest.mark.slow
def test_a_notebook_of_endless_cells_is_given_up(tmp_path: Path) -> None:
    path = hand_in(tmp_path / "endless.ipynb", [SMALL[0], *[("code", "while True: pass")] * 6])
    (one,) = grade(path, SMALL_CHECKS, limit_s=1)
    assert (one.verdict, one.message) == (
        "not graded",
        "5 of its cells do not end, or end the kernel",
    )


def test_a_check_that_was_changed_or_deleted_is_missing_not_passed(tmp_path: Path) -> None:
    path = small(tmp_path / "sly.ipynb", cell_3="check(2, 2)", cell_5="")
    assert graded(path) == [grader.NO_CHECK, grader.NO_CHECK, ("right", "6")]


def test_outputs_that_are_handed_in_do_not_count(tmp_path: Path) -> None:
    path = small(tmp_path / "forged.ipynb")
    notebook = nbformat.read(path, as_version=4)
    for cell in (notebook.cells[3], notebook.cells[5]):
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "Right: yes"})]
        cell.metadata.tags = ["skip-execution"]
    nbformat.write(notebook, path)
    assert [verdict for verdict, _ in graded(path)] == ["error", "error", "right"]


def test_it_runs_in_sim_without_anybodys_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("LABTOOLS_OWN_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("LABTOOLS_ENDPOINT", "http://127.0.0.1:1/v1")
    names = "sorted(n for n in os.environ if n.startswith(('OPENAI', 'LABTOOLS')))"
    told = f"import os\nfirst = {names}, os.environ['LABTOOLS_ENDPOINT']"
    first, *_ = graded(small(tmp_path / "curious.ipynb", cell_2=told))
    assert first == ("not yet", "(['LABTOOLS_ENDPOINT'], 'sim') is not 2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no notebook: "),
        ("{", "no notebook: "),
        ("[]", "no notebook: "),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "no notebook: "),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}',
            "it begins with none of these: # Lab 0: Three sums",
        ),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}', "no notebook: "),
    ],
)
def test_what_is_no_lab_is_said_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "odd.ipynb"
    path.write_text(text, encoding="utf-8")
    (one,) = grade(path, SMALL_CHECKS)
    assert (one.exercise, one.verdict) == (0, "not graded")
    assert one.message.startswith(said)
    assert "\n" not in one.message


def test_a_file_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    (one,) = grade(tmp_path / "nowhere.ipynb", SMALL_CHECKS)
    assert one.verdict == "not graded"
    assert "No such file" in one.message


def test_the_command_prints_and_writes_a_row_an_exercise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {
        "a.ipynb": [
            Grade("a.ipynb", TITLE, 1, "right", "two"),
            Grade("a.ipynb", TITLE, 2, "error", "x"),
        ],
        "b.ipynb": [Grade("b.ipynb", "", 0, "not graded", 'no notebook, "really"')],
    }
    monkeypatch.setattr(grader, "grade", lambda path, *_: known[path.name])
    table = tmp_path / "grades.csv"
    monkeypatch.setattr(sys, "argv", ["grade.py", "a.ipynb", "b.ipynb", "--csv", str(table)])
    assert grader.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 right, 1 error, 1 not graded"
    with table.open(newline="", encoding="utf-8") as file:
        assert [tuple(row) for row in csv.reader(file)] == [
            ("notebook", "lab", "exercise", "verdict", "message"),
            ("a.ipynb", TITLE, "1", "right", "two"),
            ("a.ipynb", TITLE, "2", "error", "x"),
            ("b.ipynb", "", "0", "not graded", 'no notebook, "really"'),
        ]
