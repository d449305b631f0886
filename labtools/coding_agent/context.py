"""What a model reads at a step: the notes taken so far, laid out for a prefix cache or not.

An endpoint reuses the work on a prompt's beginning if it has seen the same beginning before. So
the cacheable layout puts first what never changes (all tools, the role, the failure), then what
is added step by step, and the task last. The other layout is the common one that looks just as
well: the step's own tool, and its task first. Both have the same length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from labtools.coding_agent.steps import Step
from labtools.coding_agent.tools import TOOLS
from labtools.model.prompts import render_prompt
from labtools.model.tokens import CHARS_PER_TOKEN

ROLE = (
    "You are a coding agent. You are given a failing test and repair the code, step by step. Take "
    "only the step that you are asked for. Change the source, never a test. Make the smallest "
    "change that is right for every input, not only for the one in the test."
)

_HEADINGS = {
    "failure": "The failing test's output",
    "search_results": "Search results",
    "location": "Where to look",
    "handbook": "The handbook",
    "source": "The source file",
    "test": "The test file",
    "attempts": "What was tried and taken back",
    "plan": "The plan",
    "change": "The change",
    "report": "The test's output after the change",
}
# How much of the handbook is part of the notes; the rest of it fills prompts up.
_HANDBOOK_NOTE_CHARS = 2_400


@cache
def handbook() -> str:
    """The text that a prompt is filled up with: what a team tells those who work on its code."""
    return (files("labtools.coding_agent") / "handbook.md").read_text(encoding="utf-8")


def handbook_note() -> str:
    """The handbook's beginning, which the steps that think are shown."""
    return handbook()[:_HANDBOOK_NOTE_CHARS]


def tools_for(step: Step, *, cacheable: bool, predicted: bool = False) -> list[dict[str, Any]]:
    """The tools in the request: all of them, always the same, or the step's own.

    None where the answer is predicted, since not every endpoint takes both. A cached prefix, which
    begins with them, is then lost.
    """
    if predicted:
        return []
    if cacheable:
        return [tool.schema_for_model() for tool in TOOLS.values()]
    return [step.tool.schema_for_model()] if step.tool else []


def messages_for(
    step: Step, notes: Mapping[str, str], *, cacheable: bool, predicted: bool = False
) -> list[dict[str, Any]]:
    """The step's messages, filled up with the handbook to the step's input tokens.

    Exactly that long at the mock's tokenizer. Notes that need more room get it: nothing is cut.
    """
    shown = [f"# {_HEADINGS[name]}\n{notes[name]}" for name in step.shows if notes.get(name)]
    task = f"# Your task\n{step.task}"

    def with_filling(filling: str) -> list[dict[str, Any]]:
        parts = [*shown, filling, task] if cacheable else [task, *shown, filling]
        text = "\n\n".join(parts)
        return [{"role": "system", "content": ROLE}, {"role": "user", "content": text}]

    room = step.row.input_tokens * CHARS_PER_TOKEN
    tools = tools_for(step, cacheable=cacheable, predicted=predicted)
    room -= _length(tools, with_filling(""))
    rest = handbook()[_HANDBOOK_NOTE_CHARS:]
    return with_filling(rest[: max(0, room)])


def _length(tools: Iterable[Mapping[str, Any]], messages: Iterable[Mapping[str, Any]]) -> int:
    return len(render_prompt(None, tools, messages))
