"""What the mock says: filler of an exact length, JSON that fits a schema, tool calls.

The text means nothing; its form and its length are what the client asked for.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence

# from labtools.endpoint.schema_values import value_for
from labtools.tokens import filler, split_tokens
from labtools.wire.answer import Answer, Piece
from labtools.wire.api_error import ApiError
from labtools.wire.generation import GenerationRequest, MockToolCall, Tool

# How long an answer is when nobody says: the essay's tool call.
DEFAULT_OUTPUT_TOKENS = 100


def answer(request: GenerationRequest, rng: random.Random) -> Answer:
    """One answer to `request`; what is left open is drawn from `rng`.

    Raises UnusableSchema when the request's schema has no value.
    """
    tokens = request.mock.output_tokens
    thoughts = [
        Piece("reasoning", text)
        for text in split_tokens(filler(request.mock.reasoning_tokens, rng))
    ]
    calls = _calls_to_make(request, rng)
    if calls:
        said = list(_call_pieces(calls, tokens, rng))
        return Answer((*thoughts, *said), "tool_calls").cut(request.max_output_tokens)
    text = _text(request, tokens, rng)
    pieces = [Piece("content", piece) for piece in split_tokens(text, _count(text, tokens))]
    return Answer((*thoughts, *pieces), "stop").cut(request.max_output_tokens)


def _count(text: str, tokens: int | None) -> int | None:
    """Pieces to cut `text` into: as many as were asked for, unless a stop sequence took some."""
    return None if tokens is None or len(text) < tokens else tokens


def _text(request: GenerationRequest, tokens: int | None, rng: random.Random) -> str:
    if request.mock.content is not None:
        text = request.mock.content
    elif request.schema is True:
        text = json.dumps({"answer": filler(8, rng).strip()})
    elif request.schema is not None:
        text = json.dumps(value_for(dict(request.schema), rng))
    else:
        return _before_stop(filler(tokens or DEFAULT_OUTPUT_TOKENS, rng), request.stop)
    return _before_stop(text, request.stop).ljust(tokens or 0)


def _before_stop(text: str, stop: Sequence[str]) -> str:
    ends = [text.find(sequence) for sequence in stop if sequence in text]
    return text[: min(ends)] if ends else text


def _calls_to_make(request: GenerationRequest, rng: random.Random) -> list[tuple[str, str]]:
    """(name, arguments) of each tool call in this answer; none if it is words."""
    if request.mock.tool_calls is not None:
        return [_told(call) for call in request.mock.tool_calls]
    if not request.tools or request.tool_choice == "none" or request.mock.content is not None:
        return []
    if request.tool_choice == "auto" and (request.answers_tool_result or request.schema):
        return []
    count = request.mock.tool_call_count if request.parallel_tool_calls else 1
    return [_made_up(tool, rng) for tool in _chosen(request, count)]


def _chosen(request: GenerationRequest, count: int) -> list[Tool]:
    named = [tool for tool in request.tools if tool.name == request.tool_choice]
    tools = named or list(request.tools)
    return [tools[index % len(tools)] for index in range(count)]


def _told(call: MockToolCall) -> tuple[str, str]:
    text = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
    return call.name, text


def _made_up(tool: Tool, rng: random.Random) -> tuple[str, str]:
    return tool.name, json.dumps(value_for(dict(tool.parameters), rng))


def _call_pieces(
    calls: list[tuple[str, str]], tokens: int | None, rng: random.Random
) -> Iterator[Piece]:
    """The calls' tokens: one opens each call, the rest are its arguments in fragments.

    With `tokens`, that many in all: arguments are padded with blanks, which JSON allows.
    """
    if tokens is not None and tokens < 2 * len(calls):
        raise ApiError(
            400,
            f"{tokens} output tokens cannot hold {len(calls)} tool calls: each needs two.",
            param="mock.output_tokens",
        )
    for index, (name, arguments) in enumerate(calls):
        share = None
        if tokens is not None:
            share = tokens * (index + 1) // len(calls) - tokens * index // len(calls) - 1
        call_id = f"call_{rng.getrandbits(96):024x}"
        yield Piece("call", call=index, call_id=call_id, call_name=name)
        for fragment in split_tokens(arguments.ljust(share or 0), share):
            yield Piece("arguments", fragment, call=index)
