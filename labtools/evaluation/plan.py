"""What is sent, as data: calls, in lanes, in blocks, and the names that results files hold.

A block is what must run together: one call, a burst of clients, a cold call and the warm one after
it. Its lanes run side by side; the calls of a lane run one after the other. So a closed loop of
eight clients is eight lanes, an open loop is a lane for each arrival, and a chain is one long lane.
A block depends on nothing that another block left at the endpoint: its prompts begin with words
of its own. So blocks can be shuffled, and a block that was interrupted is run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from labtools.model.profile import Prices
from labtools.model.prompts import render_prompt
from labtools.model.tokens import count_tokens


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

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(call for lane in self.lanes for call in lane)


def single(name: str, axis: AxisName, *calls: Call) -> Block:
    """A block of one lane."""
    return Block(name, axis, (calls,))


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
