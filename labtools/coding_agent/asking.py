"""One question to a model: the prompt, the request, the check of the answer, and asking again.

The prompt is made of the notes taken so far, laid out for a prefix cache or not. An endpoint reuses
the work on a prompt's beginning if it has seen the same beginning before. So the cacheable layout
puts first what never changes (all tools, the role, the failure), then what is added step by step,
and the task last. The other layout is the common one that looks just as well: the step's own tool,
and its task first. Both have the same length.

An answer that cannot be used is not the end. The model gets its own answer back with what was
wrong with it, as the result of its tool call, and another attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from labtools.coding_agent.settings import Limits, Switches, cost_of
from labtools.coding_agent.steps import Step
from labtools.coding_agent.tools import TOOLS, Tool, parsed
from labtools.coding_agent.workspace import ToolError, Workspace
from labtools.errors import ConfigurationError
from labtools.model.profile import Prices
from labtools.model.tokens import CHARS_PER_TOKEN, render_prompt
from labtools.read_back import NOT_JSON, from_json
from labtools.records import CallRecord, ToolCall, tokens_of

if TYPE_CHECKING:
    from labtools.lab.lab import Lab


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

    tools = tools_for(step, cacheable=cacheable, predicted=predicted)
    room = step.row.input_tokens * CHARS_PER_TOKEN
    room -= len(render_prompt(None, tools, with_filling("")))
    rest = handbook()[_HANDBOOK_NOTE_CHARS:]
    return with_filling(rest[: max(0, room)])


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asking:
    """Which answer a script is asked for."""

    step: str
    iteration: int
    attempt: int
    """1, and more when the answers before could not be used."""
    model: str
    switches: Switches = field(default_factory=Switches)
    """How the agent is set, which decides the form of some answers."""


Script = Callable[[Asking], Mapping[str, Any]]
"""What the mock is to answer: the request's `mock` object."""


class Used(NamedTuple):
    """A tool call that was carried out, and what came of it."""

    tool: Tool
    result: str


class Stopped(Exception):
    """The agent gives up; `why` is the Outcome's word for it."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(slots=True)
class Asker:
    """Asks the models of one run, and keeps the records of all calls."""

    lab: Lab
    workspace: Workspace
    switches: Switches
    limits: Limits
    script: Script | None
    prices: Mapping[str, Prices] | None
    records: list[CallRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.limits.usd is not None and self.prices is None:
            raise ConfigurationError("A limit in dollars needs the models' `prices`.")

    async def tool_calls(self, step: Step, notes: Mapping[str, str], iteration: int) -> list[Used]:
        """Ask for the tool calls of a step and carry them out. Raises Stopped."""
        expected = step.tool
        assert expected is not None

        async def use(record: CallRecord) -> list[Used]:
            calls = record.tool_calls
            if len(calls) == step.calls:
                return [await self._use(call, expected) for call in calls]
            wrong = f"Call {expected.name} {step.calls} time(s); found {len(calls)} tool calls."
            return await self.lab.work(expected.name, lambda: refuse(wrong))

        return await self.answer(step, notes, iteration, use)

    async def answer(
        self,
        step: Step,
        notes: Mapping[str, str],
        iteration: int,
        receive: Callable[[CallRecord], Awaitable[T]],
        predicted: str = "",
    ) -> T:
        """Ask, and return what `receive` makes of the answer. When it raises ToolError, ask again.

        `predicted` is what most of the answer is expected to be. Raises Stopped when no attempt
        gives a usable answer or a limit is reached.
        """
        cacheable = self.switches.prefix_caching
        model = self.switches.routing.get(step.name) or self.lab.model_for(step.name)
        messages = messages_for(step, notes, cacheable=cacheable, predicted=bool(predicted))
        request = _tool_fields(step, cacheable)
        if predicted:
            request = {"prediction": {"type": "content", "content": predicted}}
        problem = ""
        for attempt in range(1, self.limits.attempts + 1):
            self._check_spending()
            asking = Asking(step.name, iteration, attempt, model, self.switches)
            record = await self.lab.call(
                step.name,
                model=model,
                messages=messages,
                **request,
                **self._length_or_script(asking),
            )
            self.records.append(record)
            if record.error:
                problem = str(record.error)
                await asyncio.sleep(record.error.retry_after_s or 0)
                continue
            try:
                return await receive(record)
            except ToolError as error:
                problem = str(error)
                messages = [*messages, *_sent_back(record, problem)]
        raise Stopped(
            "stuck", f"{step.name}: {self.limits.attempts} answers, none usable. {problem}"
        )

    async def _use(self, call: ToolCall, expected: type[Tool]) -> Used:
        def use() -> Used:
            tool = parsed(call, expected)
            return Used(tool, tool.use(self.workspace))

        return await self.lab.work(call.name[:40] or "unnamed", use)

    def _length_or_script(self, asking: Asking) -> dict[str, Any]:
        if self.script is None:
            return {"output_tokens": self.limits.output_tokens}
        return {"extra_body": {"mock": dict(self.script(asking))}}

    def _check_spending(self) -> None:
        tokens = tokens_of(self.records).total
        if tokens >= self.limits.tokens:
            raise Stopped("tokens", f"{tokens} of {self.limits.tokens} tokens are spent.")
        usd = cost_of(self.records, self.prices)
        if self.limits.usd is not None and usd is not None and usd >= self.limits.usd:
            raise Stopped("usd", f"{usd:.4f} of {self.limits.usd} dollars are spent.")


def _tool_fields(step: Step, cacheable: bool) -> dict[str, Any]:
    """The request's tools, and which of them must be called."""
    tools = tools_for(step, cacheable=cacheable)
    if not tools:
        return {}
    if step.tool is None:
        return {"tools": tools, "tool_choice": "none"}
    if step.calls > 1:
        return {"tools": tools, "tool_choice": "required", "parallel_tool_calls": True}
    named = {"type": "function", "function": {"name": step.tool.name}}
    return {"tools": tools, "tool_choice": named}


def _sent_back(record: CallRecord, problem: str) -> list[dict[str, Any]]:
    """The model's own answer and what was wrong with it, as the next messages."""
    if not record.tool_calls:
        return [
            {"role": "assistant", "content": record.content},
            {"role": "user", "content": problem},
        ]
    calls, results = [], []
    for call in record.tool_calls:
        # Some endpoints refuse a conversation whose own earlier arguments are not JSON.
        arguments = "{}" if from_json(call.arguments) is NOT_JSON else call.arguments
        function = {"name": call.name, "arguments": arguments}
        calls.append({"id": call.id, "type": "function", "function": function})
        results.append({"role": "tool", "tool_call_id": call.id, "content": problem})
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *results]


def refuse(why: str) -> NoReturn:
    """Turn an answer down. Done as a tool's work, it is in the trace."""
    raise ToolError(why)
