"""The front page's table of labs says what the labs and the chapters say themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chapter_numbers import minutes
from lab_runner import LABS, cells

from labtools.course import CHAPTERS

ROOT = Path(__file__).parents[2]
ROW = re.compile(
    r"\| \[(?P<chapter>[^]]+)\]\(chapters/(?P<file>\w+)\.md\) "
    r"\| \{lab\}`(?P<notebook>\w+)` "
    r"\| \{minutes\}`(?P=notebook)` \| (?P<shows>[^|]+) \|"
)
PAGE = (ROOT / "index.md").read_text("utf-8")
ROWS = [found.groupdict() for found in ROW.finditer(PAGE)]


def test_every_lab_has_its_row_in_order():
    rows = [row["notebook"] for row in ROWS]
    assert rows == list(CHAPTERS), (
        f"The table in index.md needs one row a lab, in the order of the chapters, {CHAPTERS}; "
        f"its rows are {rows}. A row is | [Title](chapters/NAME.md) | {{lab}}`NAME` | "
        "{minutes}`NAME` | what it shows |"
    )
    assert sorted(rows) == [lab.stem for lab in LABS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["notebook"])
def test_a_row_its_labs_head_and_its_chapter_agree(row):
    head = cells(ROOT / "labs" / f"{row['notebook']}.ipynb")[0].source
    assert head.startswith(f"# Lab: {row['chapter']}\n")
    chapter = (ROOT / "chapters" / f"{row['file']}.md").read_text("utf-8")
    assert f"\n# {row['chapter']}\n" in chapter
    told = re.search(r"the \[lab\]\(.+?\) about (\d+) and its exercises another (\d+)\.", chapter)
    assert told
    assert minutes(ROOT / "labs" / f"{row['notebook']}.ipynb") == tuple(map(int, told.groups()))


def test_a_lab_that_does_not_say_its_minutes_is_named(tmp_path):
    lab = tmp_path / "queues.ipynb"
    lab.write_text('{"cells": [{"source": ["# Lab\\n", "- **Minutes:** soon\\n"]}]}')
    with pytest.raises(ValueError, match=r"queues.ipynb has no minutes.*Exercises:\*\* another"):
        minutes(lab)
