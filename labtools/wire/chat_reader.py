"""Chat Completions on the way in: the timed bytes of a stream to what it said, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from labtools.records import CallError, ToolCall
from labtools.wire import sse
from labtools.wire.api_error import message_of


@dataclass(slots=True)
class ChatReading:
    """What a stream of chunks amounts to. Instants are the chunks' own."""

    chunks_at: list[float] = field(default_factory=list)
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
    error: CallError | None = None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(ToolCall(**self.calls[index]) for index in sorted(self.calls))


def read_chat_stream(chunks: Iterable[tuple[float, bytes]]) -> ChatReading:
    """Read a streamed body, given as (instant, bytes) in order of arrival.

    A body that ends before `[DONE]` and before any finish reason is an error, "cut_off": what
    came until then is kept.
    """
    reading = ChatReading()
    for event in sse.events(chunks):
        if event.data == "[DONE]":
            reading.complete = True
            break
        try:
            _take(json.loads(event.data), event.at, reading)
        except (ValueError, TypeError, AttributeError, KeyError):
            found = event.data[:80]
            reading.error = CallError("protocol", f"not a chat completion chunk: {found!r}")
        if reading.error:
            break
    if not reading.complete and reading.error is None:
        reading.error = CallError("cut_off", "the stream ended before the answer was complete")
    return reading


def _take(chunk: dict[str, Any], at: float, reading: ChatReading) -> None:
    """Add one chunk. Raises TypeError, AttributeError or KeyError when it is not one."""
    if chunk.get("error"):
        reading.error = CallError("protocol", message_of(200, json.dumps(chunk).encode()))
        return
    if usage := chunk.get("usage"):
        _take_usage(usage, reading)
    for choice in chunk["choices"]:
        if reason := choice.get("finish_reason"):
            reading.finish_reason = reason
            reading.complete = True
        delta = choice.get("delta") or {}
        thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
        text = delta.get("content") or delta.get("refusal") or ""
        fragments = delta.get("tool_calls") or ()
        reading.reasoning += thought
        reading.content += text
        for fragment in fragments:
            _take_fragment(fragment, reading.calls)
        if text or fragments or thought:
            reading.chunks_at.append(at)
        if (text or fragments) and reading.first_output_at is None:
            reading.first_output_at = at


def _take_usage(usage: dict[str, Any], reading: ChatReading) -> None:
    reading.input_tokens = usage.get("prompt_tokens")
    reading.output_tokens = usage.get("completion_tokens")
    reading.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    details = usage.get("completion_tokens_details") or {}
    reading.reasoning_tokens = details.get("reasoning_tokens")


def _take_fragment(fragment: dict[str, Any], calls: dict[int, dict[str, str]]) -> None:
    index = fragment.get("index", len(calls))
    call = calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
    function = fragment.get("function") or {}
    call["id"] = fragment.get("id") or call["id"]
    call["name"] += function.get("name") or ""
    call["arguments"] += function.get("arguments") or ""
