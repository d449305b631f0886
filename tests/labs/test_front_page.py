"""The front page's table of labs says what the labs and the chapters say themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab_runner import LABS, cells

from labtools.course import CHAPTERS

ROOT = Path(__file__).parents[2]
ROW = re.compile(
    r"\| \[(?P<chapter>[^]]+)\]\(chapters/(?P<file>\w+)\.md\) "
    r"\| \{lab\}`(?P<notebook>\w+)` "
    r"\| (?P<minutes>\d+) \| (?P<shows>[^|]+) \|"
)
PAGE = (ROOT / "index.md").read_text("utf-8")
ROWS = [found.groupdict() for found in ROW.finditer(PAGE)]


def test_every_lab_has_its_row_in_order():
    rows = [row["notebook"] for row in ROWS]
    assert rows == list(CHAPTERS), (
        f"The table in index.md needs one row a lab, in the order of the chapters, {CHAPTERS}; its "
        f"rows are {rows}. A row is | [Title](chapters/NAME.md) | {{lab}}`NAME` | minutes | what "
        "it shows |"
    )
    assert sorted(rows) == [lab.stem for lab in LABS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["notebook"])
def test_a_row_repeats_its_labs_head_and_its_chapters_title(row):
    head = cells(ROOT / "labs" / f"{row['notebook']}.ipynb")[0].source
    assert head.startswith(f"# Lab: {row['chapter']}\n")
    assert f"- **Minutes:** {row['minutes']}\n" in head
    chapter = (ROOT / "chapters" / f"{row['file']}.md").read_text("utf-8")
    assert f"\n# {row['chapter']}\n" in chapter
