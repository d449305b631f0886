"""The answer key: what an instructor gets is the lab, solved, and the grader finds it right."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from answer_key import solved
from grade import course_checks, grade

LABS = sorted((Path(__file__).parents[2] / "labs").glob("*.ipynb"))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_only_the_exercises_differ_and_no_output_is_kept(lab: Path) -> None:
    given, key = nbformat.read(lab, as_version=4), solved(lab)
    differing = [
        cell.metadata.get("tags", [])
        for cell, other in zip(given.cells, key.cells, strict=True)
        if cell.source != other.source
    ]
    assert differing
    assert [tags for tags in differing if "exercise" not in tags] == []
    assert [cell for cell in key.cells if cell.get("outputs")] == []


def test_the_grader_finds_the_key_right(tmp_path: Path) -> None:
    path = tmp_path / "key.ipynb"
    nbformat.write(solved(LABS[-1]), path)
    assert {one.verdict for one in grade(path, course_checks())} == {"right"}


def test_an_exercise_without_a_solution_is_an_error(tmp_path: Path) -> None:
    shutil.copy(LABS[0], tmp_path / "lab.ipynb")
    text = (tmp_path / "lab.ipynb").read_text().replace("<summary>Solution", "<summary>Hint", 1)
    (tmp_path / "lab.ipynb").write_text(text)
    with pytest.raises(ValueError, match="3 exercises and 2 solutions"):
        solved(tmp_path / "lab.ipynb")
