"""The figures say in words what they show."""

from __future__ import annotations

import pytest

from labtools import connect
from labtools.coding_agent import Switches, play
from labtools.course.fewer_calls import FAST, IN_CODE, figures, measured_files
from labtools.errors import NothingMeasured


def test_a_strip_says_when_there_is_something_to_read() -> None:
    with connect("sim") as lab:
        harness = play(lab, "one_shot", switches=Switches(harness=IN_CODE))
        asleep = lab.run(lab.tool("wait", 1.0))
    figure = figures.strips({"in code": harness, "nothing said": asleep})
    assert "in code: 7.05 s, the plan's first words after 0.20 s" in figure.alt
    assert "nothing said: 1.00 s." in figure.alt
    with pytest.raises(NothingMeasured):
        figures.strips({})


def test_an_edit_stays_and_a_file_grows() -> None:
    figure = figures.files_and_edits({file.name: file.tokens for file in measured_files()}, FAST)
    assert "dataclasses.py 72.90 s whole and 0.20 s as an edit" in figure.alt


def test_half_a_prompt_is_worth_what_the_formula_says() -> None:
    figure = figures.half_a_prompt(FAST, [30, 200], [1_000, 100_000])
    assert "with 30 output tokens 8% at 1,000" in figure.alt
    assert "with 200 output tokens 2% at 1,000 and 41% at 100,000" in figure.alt
