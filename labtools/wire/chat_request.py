"""`POST /v1/chat/completions`: the request's JSON to a `GenerationRequest`."""

from __future__ import annotations

import re
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

# Of what the assistant said, how much is searched for the names of tools.
_CALLED_CHARS = 100_000


class _Function(Strict):
    name: str = Field(min_length=1, max_length=256)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(Strict):
    type: Literal["function"]
    function: _Function


class _CalledFunction(Strict):
    name: str
    arguments: str


class _CalledTool(Strict):
    id: str
    type: Literal["function"] = "function"
    function: _CalledFunction


class _Message(Strict):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[_CalledTool] | None = None
    tool_call_id: str | None = None


class _NamedFunction(Strict):
    name: str


class _NamedTool(Strict):
    type: Literal["function"]
    function: _NamedFunction


class _JsonSchema(Strict):
    name: str = Field(min_length=1)
    schema_: dict[str, Any] = Field(alias="schema", default_factory=dict)
    strict: bool | None = None


class _ResponseFormat(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _TextPart(Strict):
    type: Literal["text"]
    text: str


class _Prediction(Strict):
    type: Literal["content"]
    content: str | list[_TextPart]

    @property
    def text(self) -> str:
        parts = self.content
        return parts if isinstance(parts, str) else "".join(part.text for part in parts)


class _StreamOptions(Strict):
    include_usage: bool = False


class _ChatBody(Strict):
    model: str
    messages: list[_Message] = Field(min_length=1, max_length=MOST_ITEMS)
    tools: list[_Tool] | None = Field(default=None, max_length=MOST_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | _NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: _ResponseFormat | None = None
    prediction: _Prediction | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = Field(default=None, ge=1, le=128)
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    user: str | None = None
    prompt_cache_key: str | None = None
    # As vLLM takes them, for benchmarks.
    ignore_eos: bool | None = None
    min_tokens: int | None = Field(default=None, ge=0)
    mock: MockOptions = MockOptions()


def parse_chat_request(raw: bytes) -> GenerationRequest:
    """The request, checked. Raises ApiError (400) that names what is wrong."""
    body = parse_json_object(raw)
    chat = validated(_ChatBody, body)
    _check_pairs(chat.messages)
    most = _first(chat.max_completion_tokens, chat.max_tokens)
    if most is not None and (chat.min_tokens or 0) > most:
        said = f"'min_tokens' is {chat.min_tokens}, more than the {most} of 'max_tokens'."
        raise invalid("min_tokens", said)
    functions = [tool.function for tool in chat.tools or ()]
    tools = tuple(Tool(tool.name, tool.parameters or NO_ARGUMENTS) for tool in functions)
    schema = _answer_schema(chat.response_format)
    return GenerationRequest(
        model=chat.model,
        prompt=render_prompt(
            schema, body.get("tools") or (), with_images_as_text(body["messages"])
        ),
        tools=tools,
        tool_choice=_tool_choice(chat, tools),
        parallel_tool_calls=chat.parallel_tool_calls is not False,
        called_tools=_called_tools(chat.messages, tools),
        answers_tool_result=chat.messages[-1].role in ("tool", "function"),
        schema=schema,
        max_output_tokens=most,
        min_output_tokens=chat.min_tokens or 0,
        ignore_eos=bool(chat.ignore_eos),
        n=chat.n or 1,
        stop=_stop_sequences(chat.stop),
        seed=chat.seed,
        stream=bool(chat.stream),
        include_usage=bool(chat.stream_options and chat.stream_options.include_usage),
        prediction=chat.prediction.text if chat.prediction else "",
        cache_key=_first(chat.prompt_cache_key, chat.user),
        mock=chat.mock,
    )


def _check_pairs(messages: list[_Message]) -> None:
    """Every tool call has its result right behind it and every result its call, as at OpenAI."""
    waiting: dict[str, None] = {}
    for index, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                raise invalid(
                    f"messages.[{index}].role",
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    f"preceding message with 'tool_calls'; found {message.tool_call_id!r}.",
                )
            del waiting[str(message.tool_call_id)]
            continue
        _check_answered(waiting, index)
        waiting = {call.id: None for call in message.tool_calls or ()}
    _check_answered(waiting, len(messages))


def _check_answered(waiting: dict[str, None], index: int) -> None:
    if waiting:
        raise invalid(
            f"messages.[{index}].role",
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(waiting)}",
        )


def _called_tools(messages: list[_Message], tools: tuple[Tool, ...]) -> tuple[str, ...]:
    """The names of tools that were called. Some clients (smolagents) tell a call in words."""
    called = [call.function.name for message in messages for call in message.tool_calls or ()]
    said = [str(message.content) for message in messages if message.role == "assistant"]
    names = {tool.name for tool in tools}
    words = re.findall(r"[\w-]+", " ".join(said)[-_CALLED_CHARS:])
    return (*called, *(word for word in words if word in names))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _tool_choice(chat: _ChatBody, tools: tuple[Tool, ...]) -> str:
    choice = chat.tool_choice
    if choice is None:
        return "auto"
    if choice != "none" and not tools:
        raise invalid("tool_choice", "'tool_choice' is only allowed when 'tools' are given.")
    if isinstance(choice, str):
        return choice
    return checked_choice(choice.function.name, tools)


def _answer_schema(response_format: _ResponseFormat | None) -> dict[str, Any] | bool | None:
    if response_format is None or response_format.type == "text":
        return None
    if response_format.type == "json_object":
        return True
    if response_format.json_schema is None:
        raise missing("response_format.json_schema")
    return response_format.json_schema.schema_


def _stop_sequences(stop: str | list[str] | None) -> tuple[str, ...]:
    sequences = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if len(sequences) > 4:
        raise invalid("stop", f"'stop' holds {len(sequences)} sequences; at most 4.")
    return tuple(sequence for sequence in sequences if sequence)
