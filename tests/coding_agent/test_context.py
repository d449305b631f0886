from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labtools.coding_agent.asking import handbook, handbook_note, messages_for, tools_for
from labtools.coding_agent.steps import GENERATE_FIX, PLAN, STEPS, Step
from labtools.coding_agent.tools import TOOLS
from labtools.model.tokens import CHARS_PER_TOKEN, count_tokens, render_prompt

NOTES = {
    "failure": "E  assert 2 == 3",
    "search_results": "a.py:1: def f():",
    "location": "source: a.py",
    "handbook": handbook_note(),
    "source": "def f():\n    return 2\n",
    "test": "assert f() == 3\n",
    "plan": "Return 3.",
    "change": "-2\n+3",
    "report": "1 passed",
}


def prompt(step: Step, notes: dict[str, str], cacheable: bool) -> str:
    tools = tools_for(step, cacheable=cacheable)
    return render_prompt(None, tools, messages_for(step, notes, cacheable=cacheable))


@pytest.mark.parametrize("cacheable", [True, False])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@settings(max_examples=15)  # of each step in each layout
@given(lengths=st.lists(st.integers(0, 300), min_size=len(NOTES), max_size=len(NOTES)))
def test_a_prompt_is_filled_to_its_exact_length(
    step: Step, cacheable: bool, lengths: list[int]
) -> None:
    notes = {
        name: text if name == "handbook" else "n" * length
        for (name, text), length in zip(NOTES.items(), lengths, strict=True)
    }
    text = prompt(step, notes, cacheable)
    assert len(text) == step.row.input_tokens * CHARS_PER_TOKEN
    assert count_tokens(text) == step.row.input_tokens


def test_notes_that_need_more_room_are_not_cut() -> None:
    source = "x" * 9_000
    text = prompt(PLAN, {**NOTES, "source": source}, True)
    assert source in text
    assert count_tokens(text) > PLAN.row.input_tokens


def test_the_filling_is_the_handbook_where_the_note_ends() -> None:
    text = prompt(STEPS[0], {"failure": "E"}, True)
    start = handbook()[len(handbook_note()) :][:500]
    assert start in text


def common(one: str, other: str) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def test_the_cacheable_layout_keeps_a_beginning_and_the_other_does_not() -> None:
    cacheable = [prompt(step, NOTES, True) for step in STEPS]
    other = [prompt(step, NOTES, False) for step in STEPS]
    shared = len(render_prompt(None, tools_for(PLAN, cacheable=True), []))
    for one, two in pairwise(cacheable):
        assert common(one, two) > shared
    for step, (one, two) in zip(STEPS, pairwise(other), strict=False):
        if step.name not in ("read_source", "read_test"):
            assert common(one, two) < 500, step.name


def test_plan_and_fix_share_everything_up_to_the_plan() -> None:
    plan, fix = prompt(PLAN, NOTES, True), prompt(GENERATE_FIX, NOTES, True)
    assert fix.index("# The plan") - 5 <= common(plan, fix)


def test_the_other_layout_sends_only_the_steps_tool() -> None:
    for step in STEPS:
        names = [tool["function"]["name"] for tool in tools_for(step, cacheable=False)]
        assert names == ([step.tool.name] if step.tool else [])
        every = [tool["function"]["name"] for tool in tools_for(step, cacheable=True)]
        assert every == list(TOOLS)
