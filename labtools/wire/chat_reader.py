"""Chat Completions on the way in: the timed bytes of a stream to what it said, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from labtools.records import CallError, ToolCall
from labtools.wire import sse
from labtools.wire.api_error import message_of
from labtools.wire.usage import count_in

# What a body of server-sent events begins with; ":" is a comment.
_EVENT_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


@dataclass(slots=True)
class ChatReading:
    """What a stream of chunks amounts to. Instants are the chunks' own."""

    chunks_at: list[float] = field(default_factory=list)
    chunk_chars: list[int] = field(default_factory=list)
    first_output_at: float | None = None
    content: str = ""
    reasoning: str = ""
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    complete: bool = False
    """Whether there was a finish reason or `[DONE]`."""
    done: bool = False
    """Whether there was `[DONE]`: nothing can follow it."""
    error: CallError | None = None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(ToolCall(**self.calls[index]) for index in sorted(self.calls))


def read_chat_stream(chunks: Iterable[tuple[float, bytes]]) -> ChatReading:
    """Read a streamed body, given as (instant, bytes) in order of arrival.

    A body that ends before `[DONE]` and before any finish reason is an error, "cut_off"; one
    that is not a stream of chat completion chunks is another, "protocol". What came until then is
    kept. Of several choices the first is read; the instants are those of all.
    """
    reading = ChatReading()
    chunks = list(chunks)
    for event in sse.events(chunks):
        if event.data == "[DONE]":
            reading.complete = reading.done = True
            break
        try:
            _take(json.loads(event.data), event.at, reading)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            found = event.data[:80]
            reading.error = CallError("protocol", f"not a chat completion chunk: {found!r}")
        if reading.error:
            break
    if not reading.complete and reading.error is None:
        reading.error = _unfinished(b"".join(chunk for _, chunk in chunks))
    return reading


def _unfinished(body: bytes) -> CallError:
    head = body.lstrip()[:6]
    if any(head.startswith(field) or field.startswith(head) for field in _EVENT_FIELDS):
        return CallError("cut_off", "the stream ended before the answer was complete")
    start = body[:80].decode("utf-8", "replace")
    return CallError("protocol", f"not a stream of server-sent events: {start!r}")


def _take(chunk: dict[str, Any], at: float, reading: ChatReading) -> None:
    """Add one chunk. Raises TypeError, AttributeError or KeyError when it is not one."""
    if chunk.get("error"):
        reading.error = CallError("protocol", message_of(200, json.dumps(chunk).encode()))
        return
    if usage := chunk.get("usage"):
        _take_usage(usage, reading)
    for choice in chunk["choices"]:
        delta = choice.get("delta") or {}
        thought = _text(delta.get("reasoning_content") or delta.get("reasoning"))
        text = _text(delta.get("content") or delta.get("refusal"))
        fragments = delta.get("tool_calls") or []
        reason = _text(choice.get("finish_reason"))
        if text or fragments or thought:
            reading.chunks_at.append(at)
            reading.chunk_chars.append(len(text) + len(thought) + sum(map(_size, fragments)))
        if (text or fragments) and reading.first_output_at is None:
            reading.first_output_at = at
        if choice.get("index"):
            continue
        reading.reasoning += thought
        reading.content += text
        for fragment in fragments:
            _take_fragment(fragment, reading.calls)
        if reason:
            reading.finish_reason = reason
            reading.complete = True


def _size(fragment: dict[str, Any]) -> int:
    function = fragment.get("function") or {}
    return len(_text(function.get("name"))) + len(_text(function.get("arguments")))


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("not a text")
    return value or ""


def _take_usage(usage: object, reading: ChatReading) -> None:
    reading.input_tokens = count_in(usage, "prompt_tokens")
    reading.output_tokens = count_in(usage, "completion_tokens")
    reading.cached_tokens = count_in(usage, "prompt_tokens_details", "cached_tokens")
    reading.reasoning_tokens = count_in(usage, "completion_tokens_details", "reasoning_tokens")


def _take_fragment(fragment: dict[str, Any], calls: dict[int, dict[str, str]]) -> None:
    index = fragment.get("index", len(calls))
    function = fragment.get("function") or {}
    id, name = _text(fragment.get("id")), _text(function.get("name"))
    arguments = _text(function.get("arguments"))
    if not isinstance(index, int):
        raise TypeError("not an index")
    call = calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
    call["id"] = id or call["id"]
    call["name"] += name
    call["arguments"] += arguments
