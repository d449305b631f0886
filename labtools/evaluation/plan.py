"""What is sent, as data: calls, in lanes, in blocks, and the names that results files hold.

A block is what must run together: one call, a burst of clients, a cold call and the warm one after
it. Its lanes run side by side; the calls of a lane run one after the other. So a closed loop of
eight clients is eight lanes, an open loop is a lane for each arrival, and a chain is one long lane.
A block depends on nothing that another block left at the endpoint: its prompts begin with words
of its own. So blocks can be shuffled, and a block that was interrupted is run again. Prompts and
tools look like an agent's; prompts have a known length, and are new to any cache.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from labtools.model.profile import Prices
from labtools.model.tokens import count_tokens, filler, prompt_of, render_prompt

Message = Mapping[str, Any]

SYSTEM = "You are a coding agent. Work step by step and answer briefly."
ASK_TO_ACT = "Do the next step now."


def _function(name: str, description: str, **properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(
        {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        }
    )


_PATH = {"type": "string", "description": "Path within the repository.", "maxLength": 60}
_LINE = {"type": "integer", "minimum": 1, "maximum": 5000}
FUNCTIONS = (
    _function("read_file", "Read part of a file.", path=_PATH, first_line=_LINE, last_line=_LINE),
    _function(
        "search_code",
        "Search the repository with a regular expression.",
        pattern={"type": "string", "maxLength": 40},
        where={"type": "string", "enum": ["source", "tests", "docs", "everywhere"]},
        case_sensitive={"type": "boolean"},
    ),
    _function(
        "edit_file",
        "Replace lines of a file.",
        path=_PATH,
        first_line=_LINE,
        last_line=_LINE,
        replacement={"type": "string", "maxLength": 120},
    ),
    _function(
        "run_tests",
        "Run tests with pytest.",
        paths={"type": "array", "items": _PATH, "minItems": 1, "maxItems": 2},
        stop_at_first={"type": "boolean"},
        timeout_s={"type": "integer", "minimum": 1, "maximum": 600},
    ),
    _function(
        "report",
        "Say what was found and how sure you are.",
        verdict={"type": "string", "enum": ["fixed", "not_fixed", "cannot_tell"]},
        confidence={"type": "number", "minimum": 0, "maximum": 1},
        reason={"type": "string", "maxLength": 100},
    ),
)
"""What a coding agent's tools look like: closed objects, enums, bounds, an array."""


def tools(*functions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Functions as Chat Completions takes them. `strict` binds the answer to the schema."""
    made = ({**function, "strict": True} for function in functions)
    return [{"type": "function", "function": function} for function in made]


def response_format(function: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema as the form of the answer itself."""
    schema = {"name": function["name"], "strict": True, "schema": function["parameters"]}
    return {"type": "json_schema", "json_schema": schema}


def unseen_schema(function: Mapping[str, Any], rng: random.Random) -> Mapping[str, Any]:
    """The function with a property nobody has asked for before: a schema new to the endpoint."""
    parameters = function["parameters"]
    extra = f"check_{rng.getrandbits(48):012x}"
    properties = {**parameters["properties"], extra: {"type": "boolean"}}
    return {
        **function,
        "parameters": {**parameters, "properties": properties, "required": list(properties)},
    }


def unseen_prompt(input_tokens: int, seed: object) -> list[dict[str, Any]]:
    """One message of this length that begins unlike any other seed's."""
    return [dict(message) for message in prompt_of(input_tokens, random.Random(f"{seed}"))]


def conversation(text: str, instruction: str = ASK_TO_ACT) -> list[dict[str, Any]]:
    """What an agent knows, and then what it is told to do."""
    return [
        {"role": "system", "content": text + SYSTEM},
        {"role": "user", "content": instruction},
    ]


def instructed(input_tokens: int, seed: object, instruction: str) -> list[dict[str, Any]]:
    """A fresh context of this length, and then an instruction."""
    return conversation(filler(input_tokens, random.Random(f"{seed}")), instruction)


class AxisName(StrEnum):
    """What a block of calls was made for."""

    ABILITIES = "abilities"
    WARM_UP = "warm_up"
    CHAIN = "chain"
    CONTEXT = "context"
    CONCURRENCY = "concurrency"
    OPEN_LOOP = "open_loop"
    INTERFERENCE = "interference"
    PREFIX = "prefix"
    SHARED_PREFIX = "shared_prefix"
    STRUCTURED = "structured"
    COLD_SCHEMA = "cold_schema"


class Label(StrEnum):
    """What a call is within its axis."""

    PLAIN = "plain"
    WARM_UP = "warm_up"
    STEP = "step"
    CALL = "call"
    STREAM = "stream"
    PROMPT = "prompt"
    COLD = "cold"
    REPEAT = "repeat"
    APPEND = "append"
    CHANGED_FIRST = "changed_first"
    BEFORE_PAUSE = "before_pause"
    AFTER_PAUSE = "after_pause"
    KNOWN = "known"
    SHARED = "shared"
    FIRST_WAVE = "first_wave"
    SECOND_WAVE = "second_wave"
    FREEFORM = "freeform"
    TOOL_CALL = "tool_call"
    JSON_SCHEMA = "json_schema"
    COLD_SCHEMA = "cold_schema"
    WARM_SCHEMA = "warm_schema"


NAMES: Mapping[str, str] = {
    Label.REPEAT: "exact repeat",
    Label.APPEND: "with a turn appended",
    Label.CHANGED_FIRST: "first word changed",
    Label.AFTER_PAUSE: "repeat after a pause",
    Label.FREEFORM: "freeform",
    Label.TOOL_CALL: "tool call",
    Label.JSON_SCHEMA: "JSON schema",
}
"""As a table has them."""
PHRASES: Mapping[str, str] = {
    Label.COLD: "a new prompt",
    Label.REPEAT: "an exact repeat",
    Label.APPEND: "an appended turn",
    Label.CHANGED_FIRST: "a changed first word",
    Label.AFTER_PAUSE: "a repeat after the pause",
    Label.FREEFORM: "a freeform answer",
    Label.TOOL_CALL: "a tool call",
    Label.JSON_SCHEMA: "an answer by a JSON schema",
}
"""As a sentence has them."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what `client.chat.completions.create` takes, without the model."""

    label: Label
    request: Mapping[str, Any]
    wait_s: float = 0.0
    """Before it is sent, after the lane's call before it."""
    at: Mapping[str, float] = field(default_factory=dict)
    """The values it was made for: {"input_tokens": 2000}, {"clients": 8} ..."""
    together: bool = False
    """Sent with one call of every other lane of the block, when all lanes have come so far."""


@dataclass(frozen=True, slots=True)
class Block:
    """Calls that belong together. `name` is unique in a plan and the same for every endpoint."""

    name: str
    axis: AxisName
    lanes: tuple[tuple[Call, ...], ...]

    @classmethod
    def single(cls, name: str, axis: AxisName, *calls: Call) -> Block:
        """Of one lane."""
        return cls(name, axis, (calls,))

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(call for lane in self.lanes for call in lane)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan will send, at four characters a token and with every answer at its limit."""

    requests: int
    input_tokens: int
    output_tokens: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def cost_usd(self, prices: Prices) -> float:
        """Without any cached tokens: the most it can cost."""
        return prices.cost_usd(self.input_tokens, 0, self.output_tokens)


def estimate(blocks: Iterable[Block]) -> Estimate:
    """What these blocks send at most."""
    calls = [call for block in blocks for call in block.calls]
    return Estimate(
        len(calls),
        sum(input_tokens(call.request) for call in calls),
        sum(output_limit(call.request) for call in calls),
    )


def input_tokens(request: Mapping[str, Any]) -> int:
    """The request's prompt in the mock's tokens; a real tokenizer's count differs by some."""
    schema = (request.get("response_format") or {}).get("json_schema")
    return count_tokens(render_prompt(schema, request.get("tools") or (), request["messages"]))


def output_limit(request: Mapping[str, Any]) -> int:
    """The most the answer can hold; without a limit nothing is known, and it counts as 0."""
    limits = (request.get(name) for name in ("max_completion_tokens", "max_tokens"))
    return next((int(limit) for limit in limits if limit), 0)
