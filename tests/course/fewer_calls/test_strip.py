"""The sums are what the running agent takes, and the formats are counted from real files."""

from __future__ import annotations

import inspect
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from labtools import connect
from labtools.coding_agent import Switches, play
from labtools.coding_agent.tools import proposed_edits
from labtools.course.audit import EDIT_TOKENS, HARNESS, Changes, attempt
from labtools.course.fewer_calls import (
    FORMATS,
    IN_CODE,
    MAVERICK,
    figures,
    measured_files,
    search_and_replace,
    tokens_by_format,
)
from labtools.errors import ConfigurationError

TESTED: dict[Any, Any] = {}
CODE = frozenset(HARNESS)
CASES: list[tuple[Changes, dict[str, Any]]] = [
    (Changes(), {}),
    (Changes(left_out=CODE), {"harness": IN_CODE}),
    (Changes(left_out=CODE | {"Verify"}), {"harness": IN_CODE, "tests_decide": True}),
    (Changes(left_out=frozenset({"Apply patch"}), fix_tokens=EDIT_TOKENS), {"edits": True}),
    (Changes(merged=frozenset({"plan and fix"})), {"plan_and_fix": True}),
    (Changes(merged=frozenset({"both reads"})), {"several_tool_calls": True}),
    (Changes(left_out=CODE, plan_tokens=80), {"harness": IN_CODE, "plan_tokens": 80}),
]


@pytest.mark.parametrize(("cuts", "switches"), CASES)
def test_the_sum_is_what_the_agent_takes(cuts: Changes, switches: dict[str, Any]) -> None:
    prices = {MAVERICK.name: MAVERICK.prices}
    with connect("sim", profile=MAVERICK) as lab:
        trace = play(lab, "one_shot", switches=Switches(**switches), prices=prices, tested=TESTED)
    found = attempt(cuts)
    assert found.total_s == trace.duration_s
    assert found.calls == trace.result.calls
    assert found.usd == pytest.approx(trace.result.cost_usd, rel=1e-3)
    assert found.first_words_s == pytest.approx(figures.first_words_s(trace), abs=1e-9)


def test_the_two_totals() -> None:
    assert attempt(Changes(left_out=CODE)).total_s == 7.05
    assert attempt(Changes(left_out=CODE | {"Verify"})).total_s == 6.40


def test_of_reads_in_one_answer_none_is_beside_another() -> None:
    merged = Changes(merged=frozenset({"both reads"}))
    assert attempt(replace(merged, parallel_reads=True)) == attempt(merged)


def test_without_a_plan_nobody_reads_its_first_words() -> None:
    merged = frozenset({"plan and fix"})
    found = attempt(Changes(left_out=frozenset({"Understand + plan"}), merged=merged))
    assert found.first_words_s is None
    assert found.calls == 7


@pytest.mark.parametrize(
    "wrong",
    [
        {"left_out": frozenset({"Run tests"})},
        {"merged": frozenset({"all"})},
        {"plan_tokens": 0},
    ],
)
def test_cuts_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Changes(**wrong)


def test_the_lengths_of_the_files_are_those_that_the_chapter_names() -> None:
    assert [file.lines for file in measured_files()] == [110, 401, 1501]
    assert all(list(file.tokens) == list(FORMATS) for file in measured_files())


@pytest.mark.parametrize("file", measured_files(), ids=lambda file: file.name)
def test_the_counts_are_those_of_the_file(file: Any) -> None:
    before = inspect.getsource(import_module(file.name.removesuffix(".py")))
    if len(before.splitlines()) != file.lines:
        pytest.skip("another version of Python's standard library")
    after = before.replace(f"\n{file.old}\n", f"\n{file.new}\n", 1)
    assert after != before
    assert tokens_by_format(before, after) == file.tokens


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a = 1\nb = 1\nb = 1\nc = 1\n", "a = 1\nb = 2\nb = 1\nc = 1\n"),
        ("a\nb\nc\n", "a\nc\n"),
        ("a\nb\n", "a\nb\nc\n"),
    ],
)
def test_a_search_and_replace_makes_the_change(before: str, after: str) -> None:
    text = before
    for edit in proposed_edits(search_and_replace(before, after), "file.py"):
        assert text.count(edit.old) == 1
        text = text.replace(edit.old, edit.new)
    assert text.rstrip("\n") == after.rstrip("\n")
