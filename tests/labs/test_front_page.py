"""The front page's table of labs says what the labs and the chapters say themselves."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from lab_runner import LABS, cells

ROOT = Path(__file__).parents[2]
ROW = re.compile(
    r"\| \[(?P<chapter>[^]]+)\]\(chapters/(?P<file>\w+)\.md\) "
    r"\| \[(?P<lab>Lab \d+)\]\(labs/(?P<notebook>\w+)\.ipynb\) "
    r"\| (?P<minutes>\d+) \| (?P<shows>[^|]+) \|"
)
# "Lab 1" does not break there.
PAGE = (ROOT / "index.md").read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
ROWS = [found.groupdict() for found in ROW.finditer(PAGE)]


def test_every_lab_has_its_row_in_order():
    rows, labs = [row["notebook"] for row in ROWS], [lab.stem for lab in LABS]
    assert sorted(rows) == labs, (
        f"The table in index.md needs one row a lab. Without a row: {sorted(set(labs) - set(rows))}"
        f"; rows without a lab, or twice: {sorted((Counter(rows) - Counter(labs)).elements())}. A "
        "row is | [Title](chapters/NAME.md) | [Lab N](labs/NAME.ipynb) | minutes | what it shows |"
    )
    numbers = [row["lab"] for row in ROWS]
    in_order = [f"Lab {number}" for number in range(1, len(ROWS) + 1)]
    assert numbers == in_order, (
        f"The rows of the table in index.md are {numbers}: bring them into the order of the labs, "
        f"{in_order}."
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["notebook"])
def test_a_row_repeats_its_labs_head_and_its_chapters_title(row):
    head = cells(ROOT / "labs" / f"{row['notebook']}.ipynb")[0].source
    assert head.startswith(f"# {row['lab']}: {row['chapter']}\n")
    assert f"- **Minutes:** {row['minutes']}\n" in head
    chapter = (ROOT / "chapters" / f"{row['file']}.md").read_text("utf-8")
    assert f"\n# {row['chapter']}\n" in chapter
