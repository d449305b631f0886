"""What the mock says: filler of an exact length, JSON that fits a schema, tool calls.

The text means nothing; its form and its length are what the client asked for.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from labtools.mock.schema import value_for
from labtools.mock.schema.conjunction import Budget
from labtools.model.tokens import CHARS_PER_TOKEN, count_tokens, filler, split_tokens
from labtools.wire.answer import Answer, Piece
from labtools.wire.api_error import invalid
from labtools.wire.generation import GenerationRequest, Tool

# How long an answer is when nobody says: the essay's tool call.
DEFAULT_OUTPUT_TOKENS = 100


# What one request may make the mock think up, over all its choices: more would hold others up.
LARGEST_ANSWER_TOKENS = 131_072
_MOST_TOOL_CALLS = 128


def answer(request: GenerationRequest, rng: random.Random, budget: Budget | None = None) -> Answer:
    """One answer to `request`; what is left open is drawn from `rng`, in the steps of `budget`.

    Raises UnusableSchema when the request's schema has no value, ApiError (400) when the answer
    would be too long.
    """
    tokens = request.mock.output_tokens
    _check_size(request, request.mock.reasoning_tokens + (tokens or 0))
    budget = budget or Budget()
    thoughts = filler(request.mock.reasoning_tokens, rng)
    calls = _calls_to_make(request, rng, budget)
    text = "" if calls else _text(request, tokens, rng, budget)
    said_tokens = sum(1 + count_tokens(arguments) for _, arguments in calls) + count_tokens(text)
    _check_size(request, request.mock.reasoning_tokens + max(tokens or 0, said_tokens))
    least = request.min_output_tokens
    if request.ignore_eos:
        least = request.max_output_tokens or 0
    if least - request.mock.reasoning_tokens > (tokens or said_tokens):
        tokens = least - request.mock.reasoning_tokens
        _check_size(request, least)
        if not calls and request.schema is None:
            text += filler(tokens, rng)[len(text) :]
    pieces = [Piece("reasoning", piece) for piece in split_tokens(thoughts)]
    if calls:
        pieces += _call_pieces(calls, tokens, rng)
    else:
        spoken = split_tokens(text.ljust(tokens or 0), tokens)
        pieces += [_content(piece) for piece in _before_stop(spoken, request.stop)]
    ends = Answer(tuple(pieces), "tool_calls" if calls else "stop")
    if request.ignore_eos and len(pieces) == request.max_output_tokens:
        return Answer(ends.pieces, "length")
    return ends.cut(request.max_output_tokens)


def _content(text: str) -> Piece:
    """Filler says the same few words again and again; so it costs no new objects."""
    return _short_content(text) if len(text) <= CHARS_PER_TOKEN else Piece("content", text)


@lru_cache(maxsize=4096)
def _short_content(text: str) -> Piece:
    return Piece("content", text)


def _check_size(
    request: GenerationRequest, count: int, what: str = "tokens", param: str = "mock"
) -> None:
    most = LARGEST_ANSWER_TOKENS if what == "tokens" else _MOST_TOOL_CALLS
    if count * request.n > most:
        raise invalid(
            param,
            f"{request.n} answers of {count} {what} are more than this mock makes up: {most} "
            f"{what} in all.",
        )


def _text(
    request: GenerationRequest, tokens: int | None, rng: random.Random, budget: Budget
) -> str:
    if request.mock.content is not None:
        return request.mock.content
    if request.schema is True:
        return json.dumps({"answer": filler(8, rng).strip()})
    if isinstance(request.schema, Mapping):
        return json.dumps(value_for(dict(request.schema), rng, budget))
    return filler(DEFAULT_OUTPUT_TOKENS if tokens is None else tokens, rng)


def _before_stop(pieces: list[str], stop: Sequence[str]) -> list[str]:
    """The pieces up to the first stop sequence, which is left out."""
    if not stop:
        return pieces
    text = "".join(pieces)
    end = min((text.find(sequence) for sequence in stop if sequence in text), default=None)
    if end is None:
        return pieces
    kept, length = [], 0
    for piece in pieces:
        if length >= end:
            break
        kept.append(piece[: end - length])
        length += len(piece)
    return kept


def _calls_to_make(
    request: GenerationRequest, rng: random.Random, budget: Budget
) -> list[tuple[str, str]]:
    """(name, arguments) of each tool call in this answer; none if it is words."""
    if request.mock.tool_calls is not None:
        _check_size(request, len(request.mock.tool_calls), "tool calls", "mock.tool_calls")
        return [(call.name, call.arguments_text) for call in request.mock.tool_calls]
    if not request.tools or request.tool_choice == "none" or request.mock.content is not None:
        return []
    if request.tool_choice == "auto" and (
        request.answers_tool_result or request.schema is not None
    ):
        return []
    count = request.mock.tool_call_count if request.parallel_tool_calls else 1
    _check_size(request, count, "tool calls", "mock.tool_call_count")
    return [
        (tool.name, json.dumps(value_for(dict(tool.parameters), rng, budget)))
        for tool in _chosen(request, count)
    ]


def _chosen(request: GenerationRequest, count: int) -> list[Tool]:
    named = [tool for tool in request.tools if tool.name == request.tool_choice]
    tools = named or list(request.tools)
    if request.tool_choice == "required":
        # An agent that ends by a tool must get there: what was called least comes first.
        called = Counter(request.called_tools)
        tools.sort(key=lambda tool: called[tool.name])
    return [tools[index % len(tools)] for index in range(count)]


def _call_pieces(
    calls: list[tuple[str, str]], tokens: int | None, rng: random.Random
) -> Iterator[Piece]:
    """The calls' tokens: one opens each call, the rest are its arguments in fragments.

    With `tokens`, that many in all: arguments are padded with blanks, which JSON allows.
    """
    if tokens is not None and tokens < 2 * len(calls):
        said = f"{tokens} output tokens cannot hold {len(calls)} tool calls: each needs two."
        raise invalid("mock.output_tokens", said)
    for index, (name, arguments) in enumerate(calls):
        share = None
        if tokens is not None:
            share = tokens * (index + 1) // len(calls) - tokens * index // len(calls) - 1
        call_id = f"call_{rng.getrandbits(96):024x}"
        yield Piece("call", call=index, call_id=call_id, call_name=name)
        for fragment in split_tokens(arguments.ljust(share or 0), share):
            yield Piece("arguments", fragment, call=index)


def with_prediction(answer: Answer, prediction: str, per_step: int) -> Answer:
    """The answer in fewer steps: each takes up to `per_step` predicted tokens before its own.

    The two are compared line by line. A line that the prediction does not hold changes nothing
    about where the next one is expected; one that it holds further on is accepted from there, and
    what lay between is rejected.
    """
    text = answer.text("content")
    if not (prediction and text and per_step):
        return answer
    held, rejected = _compared(text, prediction)
    pieces: list[Piece] = []
    waiting: list[Piece] = []
    accepted = end = 0
    for piece in answer.pieces:
        end += len(piece.text) if piece.kind == "content" else 0
        is_held = piece.kind == "content" and all(held[end - len(piece.text) : end])
        accepted += is_held
        waiting.append(piece)
        if not is_held or len(waiting) > per_step:
            pieces.append(_joined(waiting))
            waiting = []
    if waiting:
        pieces.append(_joined(waiting))
    return replace(
        answer,
        pieces=tuple(pieces),
        accepted_tokens=accepted,
        rejected_tokens=count_tokens(rejected),
    )


def _joined(pieces: list[Piece]) -> Piece:
    *_, last = pieces
    return replace(last, text="".join(piece.text for piece in pieces), tokens=len(pieces))


def _compared(text: str, prediction: str) -> tuple[list[bool], str]:
    """Of each character of the text, whether the prediction holds it; and what is rejected."""
    predicted = prediction.splitlines(keepends=True)
    places: dict[str, list[int]] = defaultdict(list)
    for place, line in enumerate(predicted):
        places[line].append(place)
    held: list[bool] = []
    rejected: list[str] = []
    at = 0
    for line in text.splitlines(keepends=True):
        ahead = places[line]
        nearest = bisect_left(ahead, at)
        found = ahead[nearest] if nearest < len(ahead) else -1
        # An empty line is everywhere; it goes on from where the last one was and from nowhere else.
        is_held = found == at or (found > at and bool(line.strip()))
        held += [is_held] * len(line)
        if is_held:
            rejected += predicted[at:found]
            at = found + 1
    return held, "".join([*rejected, *predicted[at:]])
