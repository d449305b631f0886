"""What a client asked for, whichever of the two APIs it used to ask.

`GenerationRequest` is what the endpoint works on; `chat_request` and `responses_request` make
it from JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labtools.read_back import first_fault
from labtools.wire.api_error import ApiError, invalid, missing

# Objects and arrays of one request: each takes a hundred times the memory that it takes to send.
MOST_NODES = 250_000
# Messages or items of one conversation, and tools.
MOST_ITEMS = 10_000
MOST_TOOLS = 1_000


class Strict(BaseModel):
    """A part of a request: unknown fields pass, wrong types do not."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class MockToolCall(Strict):
    """A tool call that the mock is told to make."""

    name: str
    arguments: dict[str, Any] | str

    @property
    def arguments_text(self) -> str:
        said = self.arguments
        return said if isinstance(said, str) else json.dumps(said)


class MockOptions(Strict):
    """What only the mock understands: the request's `mock` object.

    None of it changes the physics; it decides what the answer is, so that a lab can ask for a
    hundred tokens and get a hundred.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    output_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    reasoning_tokens: int = Field(default=0, ge=0, le=1_000_000)
    content: str | None = None
    tool_calls: list[MockToolCall] | None = None
    tool_call_count: int = Field(default=1, ge=1, le=100)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; `parameters` is its JSON schema."""

    name: str
    parameters: Mapping[str, Any]


NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The parameters of a tool that states none."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One request for text, tool calls or JSON, checked and in one form for both APIs."""

    model: str
    prompt: str
    """Everything the model reads, as a prefix counts: schema, then tools, then messages."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """One of none, auto, required, or the name of the tool that must be called."""
    parallel_tool_calls: bool = True
    called_tools: tuple[str, ...] = ()
    """The tools that were called in this conversation, by name, once for each call."""
    answers_tool_result: bool = False
    """Whether the last message is a tool's result: the model then answers in words."""
    schema: Mapping[str, Any] | bool | None = None
    """The answer's JSON schema; True for any JSON object."""
    max_output_tokens: int | None = None
    min_output_tokens: int = 0
    ignore_eos: bool = False
    """Whether the answer only ends with its `max_output_tokens`."""
    n: int = 1
    stop: tuple[str, ...] = ()
    seed: int | None = None
    stream: bool = False
    include_usage: bool = False
    prediction: str = ""
    """What the client expects most of the answer to be."""
    cache_key: str | None = None
    """What the client says about where to route requests that share a prefix."""
    mock: MockOptions = field(default_factory=MockOptions)
    prompt_field: str = "messages"
    """What the API calls the field that the prompt is in, for errors about it."""

    @property
    def drawn_from(self) -> bytes:
        """The words are the same for the same seed and prompt, whatever else the request holds."""
        return f"{self.seed}/{self.prompt}".encode("utf-8", "surrogatepass")

    @property
    def schema_identity(self) -> bytes | None:
        """What the endpoint compiles: the answer's schema, or those of the tools it must call."""
        if self.schema is not None and self.schema is not True:
            text = json.dumps(self.schema, sort_keys=True)
        elif self.tools and self.tool_choice not in ("none", "auto"):
            text = json.dumps([dict(tool.parameters) for tool in self.tools])
        else:
            return None
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def check_length(self, input_tokens: int, output_tokens: int, limit: int) -> None:
        """Raises ApiError (400) when prompt and answer together do not fit."""
        if input_tokens + output_tokens > limit:
            raise invalid(
                self.prompt_field,
                f"This model's maximum context length is {limit} tokens; the request holds "
                f"{input_tokens} and may output {output_tokens}.",
                "context_length_exceeded",
            )


def checked_choice(name: str, tools: Iterable[Tool]) -> str:
    """The named tool that must be called, or a 400 if there is none of that name."""
    names = [tool.name for tool in tools]
    if name not in names:
        said = f"'tool_choice' names {name!r}, which is not among 'tools': {', '.join(names)}."
        raise invalid("tool_choice", said)
    return name


def parse_json_object(body: bytes) -> dict[str, Any]:
    """The request's body, or the 400 that OpenAI's API would answer."""
    if (nodes := body.count(b"{") + body.count(b"[")) > MOST_NODES:
        message = f"The body opens {nodes} objects and arrays. Allowed: at most {MOST_NODES}."
        raise ApiError(413, message)
    try:
        parsed = json.loads(body, parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The body is not valid JSON: {error}.") from None
    if not isinstance(parsed, dict):
        kind = type(parsed).__name__
        raise ApiError(400, f"The body must be a JSON object; found a JSON {kind}.")
    return parsed


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.80} is too large a number")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], body: Mapping[str, Any], within: str = "") -> M:
    """The body as `model`, or a 400 that names the first wrong field; `within` is its path."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        fault = first_fault(error)
        param = _path(fault.path, within)
        if fault.kind == "missing":
            raise missing(param) from None
        said = f"Invalid value for '{param}': {fault.allowed}; found {fault.found}."
        raise invalid(param, said) from None


def _path(location: tuple[int | str, ...], path: str) -> str:
    for part in location:
        if isinstance(part, str) and not part.isidentifier():
            break  # A union's member, not a field: "literal['none','auto']".
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
