"""`POST /v1/responses`: the request's JSON to a `GenerationRequest` and what else it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from labtools.model.tokens import render_prompt
from labtools.wire.api_error import invalid, missing
from labtools.wire.generation import (
    MOST_ITEMS,
    MOST_TOOLS,
    NO_ARGUMENTS,
    GenerationRequest,
    MockOptions,
    Strict,
    Tool,
    checked_choice,
    parse_json_object,
    validated,
)
from labtools.wire.images import with_images_as_text
from labtools.wire.responses_items import (
    Conversations,
    Item,
    as_messages,
    check_pairs,
    checked_items,
)

_REFUSED = {
    "background": "responses in the background",
    "conversation": "conversation objects; pass 'previous_response_id' or the items instead",
    "prompt": "stored prompt templates; pass 'instructions' and 'input' instead",
}


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    """One request of the Responses API."""

    generation: GenerationRequest
    items: tuple[Item, ...]
    """The conversation: the items of earlier responses and this request's."""
    store: bool
    """Whether later requests may name this response."""
    summarize: bool
    """Whether reasoning is shown as a summary."""
    echo: Mapping[str, Any]
    """The fields that the answer repeats."""


class _Tool(Strict):
    type: Literal["function"]
    name: str = Field(min_length=1, max_length=256)
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _NamedTool(Strict):
    type: Literal["function"]
    name: str


class _AllowedTools(Strict):
    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: list[_NamedTool] = Field(min_length=1)


class _Format(Strict):
    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    schema_: dict[str, Any] | None = Field(alias="schema", default=None)


class _Text(Strict):
    format: _Format | None = None


class _Reasoning(Strict):
    effort: str | None = None
    summary: str | None = None


class _ResponsesBody(Strict):
    model: str
    instructions: str | None = None
    previous_response_id: str | None = None
    tools: list[_Tool] | None = Field(default=None, max_length=MOST_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | _NamedTool | _AllowedTools | None = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    max_output_tokens: int | None = Field(default=None, ge=16)  # the API's own minimum
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    stream: bool | None = None
    store: bool | None = None
    user: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, str] | None = None
    mock: MockOptions = MockOptions()


def parse_responses_request(raw: bytes, memory: Conversations) -> ResponsesRequest:
    """The request, checked. Raises ApiError (400) that names what is wrong.

    `memory` knows the responses that `previous_response_id` and item references name.
    """
    body = parse_json_object(raw)
    for field, what in _REFUSED.items():
        if body.get(field):
            raise invalid(field, f"The mock has no {what}.")
    asked = validated(_ResponsesBody, body)
    earlier = memory.conversation(asked.previous_response_id) if asked.previous_response_id else ()
    items = (*earlier, *checked_items(body.get("input"), memory))
    if not items:
        raise invalid("input", "'input' holds no items; at least one is needed.")
    if len(items) > MOST_ITEMS:
        said = f"The conversation has {len(items)} items; at most {MOST_ITEMS}."
        raise invalid("input", said)
    check_pairs(items)
    tools = [Tool(tool.name, tool.parameters or NO_ARGUMENTS) for tool in asked.tools or ()]
    choice, usable = _tool_choice(asked, tools)
    schema = _answer_schema(asked.text)
    # Instructions hold for one response: those of earlier ones are not kept.
    system = [{"role": "system", "content": asked.instructions}] if asked.instructions else []
    generation = GenerationRequest(
        model=asked.model,
        prompt=render_prompt(
            schema, body.get("tools") or (), with_images_as_text([*system, *as_messages(items)])
        ),
        tools=usable,
        tool_choice=choice,
        parallel_tool_calls=asked.parallel_tool_calls is not False,
        called_tools=tuple(item["name"] for item in items if item["type"] == "function_call"),
        answers_tool_result=items[-1]["type"] == "function_call_output",
        schema=schema,
        max_output_tokens=asked.max_output_tokens,
        stream=bool(asked.stream),
        cache_key=asked.prompt_cache_key or asked.user,
        mock=asked.mock,
        prompt_field="input",
    )
    store = asked.store is not False
    summarize = asked.reasoning is not None and asked.reasoning.summary is not None
    return ResponsesRequest(generation, items, store, summarize, _echo(body, store))


def _tool_choice(asked: _ResponsesBody, tools: list[Tool]) -> tuple[str, tuple[Tool, ...]]:
    """How tools are to be used, and which of them may be."""
    choice = asked.tool_choice or "auto"
    if isinstance(choice, str):
        if choice == "required" and not tools:
            raise invalid("tool_choice", "Tool choice 'required' needs 'tools'; found none.")
        return choice, tuple(tools)
    if isinstance(choice, _NamedTool):
        return checked_choice(choice.name, tools), tuple(tools)
    allowed = {checked_choice(tool.name, tools) for tool in choice.tools}
    return choice.mode, tuple(tool for tool in tools if tool.name in allowed)


def _answer_schema(text: _Text | None) -> dict[str, Any] | bool | None:
    form = text.format if text and text.format else _Format()
    if form.type == "text":
        return None
    if form.type == "json_object":
        return True
    for field, value in (("name", form.name), ("schema", form.schema_)):
        if value is None:
            raise missing(f"text.format.{field}")
    return form.schema_


_DEFAULTS: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def _echo(body: Mapping[str, Any], store: bool) -> dict[str, Any]:
    """What a response says about its request, defaults filled in."""
    given = {name: body[name] for name in _DEFAULTS if body.get(name) is not None}
    echo = {**_DEFAULTS, **given, "store": store}
    for name in ("reasoning", "text"):
        echo[name] = {**_DEFAULTS[name], **echo[name]}
    echo["tools"] = [{"strict": True, "description": None, **tool} for tool in echo["tools"]]
    return echo
