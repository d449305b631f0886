"""The instructor's guide says what the labs, the checks and the commands really do."""

from __future__ import annotations

import ast
import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest

from labtools import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "chapters" / "teaching.md").read_text(encoding="utf-8")
PLAN_ROW = re.compile(r"^\| (\d\d:\d\d) \| *(\d*) *\| (.*) \|$", re.MULTILINE)
PLANS = {
    section.partition("\n")[0]: PLAN_ROW.findall(section)
    for section in PAGE.split("\n## ")
    if PLAN_ROW.search(section)
}
LAB = re.compile(r"^\{lab\}`(\w+)`$")
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
    if line.startswith("python ")
]

each_plan = pytest.mark.parametrize("plan", PLANS)


def head(lab: str) -> str:
    notebook = nbformat.read(ROOT / "labs" / f"{lab}.ipynb", as_version=4)
    return str(notebook.cells[0].source)


def texts_of_the_checks() -> str:
    """Every string in the checks' code; what is computed within one is left out."""
    trees = [
        ast.parse(path.read_text("utf-8")) for path in (ROOT / "labtools/course").glob("*/*.py")
    ]
    constants = [node.value for tree in trees for node in ast.walk(tree) if is_text(node)]
    joined = [
        "".join(part.value for part in node.values if is_text(part))
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
    ]
    return "\n".join(constants + joined)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_there_is_a_half_day_and_there_are_two_days() -> None:
    assert list(PLANS) == ["Half a day", "Two days: the first", "Two days: the second"]


@each_plan
def test_each_block_begins_where_the_one_before_ends(plan: str) -> None:
    blocks = PLANS[plan]
    starts = [datetime.strptime(start, "%H:%M") for start, _, _ in blocks]
    minutes = [timedelta(minutes=int(minutes)) for _, minutes, _ in blocks[:-1]]
    assert [start + long for start, long in zip(starts, minutes, strict=False)] == starts[1:]
    assert blocks[-1][1:] == ("", "End")


@each_plan
def test_a_lab_gets_the_minutes_that_its_head_states(plan: str) -> None:
    labs = [(int(minutes or 0), LAB.search(block)) for _, minutes, block in PLANS[plan]]
    found = [(minutes, lab[1]) for minutes, lab in labs if lab]
    assert found
    for minutes, lab in found:
        assert f"**Minutes:** {minutes}\n" in head(lab)


@each_plan
def test_nobody_sits_for_two_hours_without_a_break(plan: str) -> None:
    since_break = 0
    for _, minutes, block in PLANS[plan][:-1]:
        since_break = 0 if block in {"Break", "Lunch"} else since_break + int(minutes)
        assert since_break <= 120, block


def test_what_the_checks_are_said_to_say_they_say() -> None:
    quoted = re.findall(r"^\| \d+ \| \*(.+?)\* \|", PAGE, re.MULTILINE)
    assert len(quoted) >= 18
    said = texts_of_the_checks()
    assert [words for words in quoted if words not in said] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one(command: str) -> None:
    _, *arguments = shlex.split(command)
    if arguments[:2] == ["-m", "labtools"]:
        assert cli._parser().parse_args(arguments[2:]).command
    else:
        assert (ROOT / arguments[0]).is_file()


def test_every_setting_is_one_that_the_course_reads() -> None:
    readers = [*(ROOT / "labs").glob("*.ipynb"), *(ROOT / "labtools").rglob("*.py")]
    read = "\n".join(path.read_text(encoding="utf-8") for path in readers)
    named = set(re.findall(r"LABTOOLS_\w+", PAGE))
    assert named
    assert [name for name in named if name not in read] == []
