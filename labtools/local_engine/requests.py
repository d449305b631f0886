"""What a lab asks of the mock, in words that llama.cpp understands.

The engine cannot be told what to say, only how much: the request's `mock` object becomes a length
and nothing else. What else differs is said here too, so that nothing is silently ignored:

- a length is exact for words. With a JSON schema it is a limit: the grammar ends the answer;
- with a length, tools are in the prompt but none is called: a call ends when its JSON does;
- a tool that is named in `tool_choice` makes a call required, of whichever tool;
- reasoning tokens cannot be had.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2

from labtools.model.tokens import count_tokens
from labtools.read_back import from_json
from labtools.records import CallRecord, ToolCall
from labtools.transport.arrivals import Around, at_once
from labtools.wire.api_error import ApiError
from labtools.wire.generation import MockOptions, validated

# llama.cpp's server now and then closes a kept connection just as the next request is on its way:
# a tenth of back-to-back calls failed. A new connection costs a fraction of a millisecond.
_OWN_CONNECTION = ("connection", "close")
_REPLACED = ("connection", "content-length")
_IN_WORDS = {"tool_choice": "none", "chat_template_kwargs": {"in_words": True}}


class EngineTransport(Around):
    """Rewrites requests for the engine on their way out; what it refuses, it answers itself."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            body = rewritten(await request.aread())
        except ApiError as error:
            return at_once(error.status, error.body())
        kept = [pair for pair in request.headers.multi_items() if pair[0] not in _REPLACED]
        return await self._inner.handle_async_request(
            httpx2.Request(
                request.method,
                request.url,
                headers=[*kept, _OWN_CONNECTION],
                content=body,
                extensions=request.extensions,
            )
        )


def rewritten(raw: bytes) -> bytes:
    """A request's body as the engine takes it. Raises ApiError for a wrong `mock` object."""
    body = from_json(raw)
    if not isinstance(body, dict):
        return raw  # The engine says what is wrong with it.
    mock = _mock_options(body.pop("mock", None) or {})
    tokens = _length(mock)
    if isinstance(body.get("tool_choice"), dict):
        body["tool_choice"] = "required"
    if tokens is not None:
        limits = (tokens, body.pop("max_completion_tokens", None), body.get("max_tokens"))
        body["max_tokens"] = min(limit for limit in limits if isinstance(limit, int))
        if dictates(mock):
            body.pop("response_format", None)
        if body.get("tools"):
            body |= _IN_WORDS
        if not body.get("response_format"):
            body["ignore_eos"] = True
    return json.dumps(body).encode()


def dictates(mock: MockOptions) -> bool:
    """Whether it says what the answer is, and not only how long."""
    return mock.content is not None or mock.tool_calls is not None


def as_dictated(record: CallRecord, request: Mapping[str, Any]) -> CallRecord:
    """The record with the answer that the request's `mock` object asked for.

    The engine has read the prompt and written as many tokens; what they said was noise, and is
    replaced. Every instant and every count stays as it was measured.
    """
    told = (request.get("extra_body") or {}).get("mock") or {}
    if record.error or not told:
        return record
    mock = _mock_options(told)
    if mock.tool_calls is not None:
        calls = (
            ToolCall(f"call_{number}", call.name, call.arguments_text)
            for number, call in enumerate(mock.tool_calls)
        )
        return replace(record, content="", tool_calls=tuple(calls), finish_reason="tool_calls")
    if mock.content is not None:
        return replace(record, content=mock.content, finish_reason="stop")
    return record


def _mock_options(told: Mapping[str, Any]) -> MockOptions:
    return validated(MockOptions, told, "mock")


def _length(mock: MockOptions) -> int | None:
    """The answer's length as the mock would have it; None where only the schema knows."""
    if mock.output_tokens is not None or not dictates(mock):
        return mock.output_tokens
    calls = mock.tool_calls or ()
    return count_tokens(mock.content or "") + sum(
        1 + count_tokens(call.arguments_text) for call in calls
    )
