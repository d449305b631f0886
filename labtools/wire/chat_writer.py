"""Chat Completions on the way out: chunks of a stream, or one JSON body."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from labtools.model.tokens import CHARS_PER_TOKEN
from labtools.wire import sse
from labtools.wire.answer import Answer, Piece, Usage


class ChatWriter:
    """Writes the answers to one request.

    A chunk is made from parts prepared once, since a stream has one for every token.
    """

    def __init__(
        self, *, id: str, model: str, created: int, answers: Sequence[Answer], usage: bool
    ) -> None:
        self._head: dict[str, Any] = {"id": f"chatcmpl-{id}", "created": created, "model": model}
        self._usage = usage
        chunk_head = json.dumps({**self._head, "object": "chat.completion.chunk"})[:-1]
        self._before = [
            f'data: {chunk_head}, "choices": [{{"index": {choice}, "delta": '.encode()
            for choice in range(len(answers))
        ]
        self._after_choice = b"}]" + (b', "usage": null' if usage else b"") + b"}\n\n"
        self._after = b', "logprobs": null, "finish_reason": null' + self._after_choice
        self._chunk_head = chunk_head
        # A choice that only calls has no content, not an empty one.
        self._contents = [
            b"null" if answer.tool_calls() and not answer.text("content") else b'""'
            for answer in answers
        ]

    def opening(self) -> bytes:
        return b"".join(
            before + b'{"role": "assistant", "content": %s}' % content + self._after
            for before, content in zip(self._before, self._contents, strict=True)
        )

    def piece(self, choice: int, piece: Piece) -> bytes:
        return self._before[choice] + _delta(piece) + self._after

    def end_of_choice(self, choice: int, answer: Answer) -> bytes:
        reason = f'{{}}, "logprobs": null, "finish_reason": "{answer.finish_reason}"'
        return self._before[choice] + reason.encode() + self._after_choice

    def closing(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        if not self._usage:
            return sse.DONE
        last = f'{self._chunk_head}, "choices": [], "usage": {json.dumps(_usage(usage))}}}'
        return sse.encode(last.encode()) + sse.DONE

    def whole(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        choices = [
            {
                "index": index,
                "message": _message(answer),
                "logprobs": None,
                "finish_reason": answer.finish_reason,
            }
            for index, answer in enumerate(answers)
        ]
        head = {**self._head, "object": "chat.completion"}
        return json.dumps({**head, "choices": choices, "usage": _usage(usage)}).encode()


def _delta(piece: Piece) -> bytes:
    text, kind = piece.text, piece.kind
    if kind in _TEXTS:
        # The same words come again and again, in every stream at once.
        delta = _text_delta if len(text) <= CHARS_PER_TOKEN else _text_delta.__wrapped__
        return delta(kind, text)
    call: dict[str, Any] = {"index": piece.call, "function": {"arguments": text}}
    if kind == "call":
        call["function"] = {"name": piece.call_name, "arguments": ""}
        call |= {"id": piece.call_id, "type": "function"}
    return json.dumps({"tool_calls": [call]}).encode()


_TEXTS = {"content": "content", "reasoning": "reasoning_content"}


@lru_cache(maxsize=4096)
def _text_delta(kind: str, text: str) -> bytes:
    return json.dumps({_TEXTS[kind]: text}).encode()


def _message(answer: Answer) -> dict[str, Any]:
    calls = tool_calls(answer)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text("content") if answer.text("content") or not calls else None,
        "refusal": None,
    }
    if reasoning := answer.text("reasoning"):
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return message


def tool_calls(answer: Answer) -> list[dict[str, Any]]:
    """The answer's tool calls as objects of a message."""
    return [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in answer.tool_calls()
    ]


def _usage(usage: Usage) -> dict[str, Any]:
    details = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.accepted_tokens or usage.rejected_tokens:
        details["accepted_prediction_tokens"] = usage.accepted_tokens
        details["rejected_prediction_tokens"] = usage.rejected_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": details,
    }
