"""Chat Completions on the way in: the timed bytes of a stream to what it said, and when.

Real servers differ from OpenAI in every field. What is odd and says nothing is passed over; what
says something in another form is read; what says that the answer failed fails the call, whatever
the status was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from labtools.records import CallError, ToolCall
from labtools.wire import sse
from labtools.wire.api_error import message_of, shortened, words_in
from labtools.wire.tool_fragments import ToolFragments, text_of
from labtools.wire.usage import ReportedUsage

# What a body of server-sent events begins with; ":" is a comment.
_EVENT_FIELDS = (b"data:", b"event:", b"error:", b"id:", b"retry:", b":")
# Finish reasons of an answer that did not finish: error, abort, insufficient_system_resource, ...
_BROKEN_OFF = re.compile(
    r"error|abort|cancel|insufficient|fail|overload|time_?out|unavailable|exception|interrupt"
    r"|malformed|preempt|disconnect",
    re.IGNORECASE,
)
# A text without escapes, and how often what stands around it is learnt anew.
_PLAIN_DELTA = re.compile(rb'"delta":\s*\{"content":\s*"([^"\\]+)"\}')
_MOST_SHAPES = 8
_NO_STREAM = "not a stream of server-sent events: "


@dataclass(slots=True)
class ChatReading:
    """What a stream of chunks amounts to. Instants are the chunks' own."""

    chunks_at: list[float] = field(default_factory=list)
    chunk_chars: list[int] = field(default_factory=list)
    first_output_at: float | None = None
    said: list[str] = field(default_factory=list)
    """The text, piece by piece."""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: ReportedUsage = field(default_factory=ReportedUsage)
    done_at: float | None = None
    """When `[DONE]` came: nothing can follow it."""
    error: CallError | None = None
    _fragments: ToolFragments = field(default_factory=ToolFragments)
    _passed_over: str = ""
    """The first text that is no chunk, for an answer that does not end well."""

    @property
    def content(self) -> str:
        """The answer's text."""
        return _paired("".join(self.said))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self._fragments.calls

    @property
    def complete(self) -> bool:
        """Whether there was a finish reason, or `[DONE]` after some output."""
        return bool(self.finish_reason) or (self.done_at is not None and bool(self.chunks_at))


def read_chat_stream(chunks: Iterable[tuple[float, bytes]]) -> ChatReading:
    """Read a streamed body, given as (instant, bytes) in order of arrival.

    A body that ends before `[DONE]` and before any finish reason is an error, "cut_off"; one
    that says that something failed, has no answer in it or is not a stream of chat completion
    chunks is another, "protocol". What came until then is kept. Of several choices the first is
    read; the instants are those of all.
    """
    reading = ChatReading()
    chunks = list(chunks)
    for event in sse.events(_all_but_plain(chunks, reading)):
        if event.data.strip() == "[DONE]":
            reading.done_at = event.at
            break
        _take_event(event, reading)
        if reading.error:
            break
    reading.reasoning = _paired(reading.reasoning)
    if (
        reading.error is None
        and reading.finish_reason
        and _BROKEN_OFF.search(reading.finish_reason)
    ):
        said = f"the endpoint broke the answer off: finish reason {reading.finish_reason!r}"
        reading.error = CallError("protocol", said)
    if not reading.complete and reading.error is None:
        reading.error = _unfinished(reading, chunks)
    return reading


def _all_but_plain(
    chunks: list[tuple[float, bytes]], reading: ChatReading
) -> Iterator[tuple[float, bytes]]:
    """The segments without those, nearly all, that are as one before but for the text they say.

    What stands around the text has been read then, so `reading` is told the text alone.
    """
    chunks_at, chunk_chars, said = reading.chunks_at, reading.chunk_chars, reading.said
    before, after, between, shapes_left = b"", b"", False, _MOST_SHAPES
    for at, chunk in chunks:
        if between and before and chunk.startswith(before) and chunk.endswith(after):
            text = chunk[len(before) : -len(after)].decode("utf-8", "replace")
            if text and text.isprintable() and '"' not in text and "\\" not in text:
                chunks_at.append(at)
                chunk_chars.append(len(text))
                said.append(text)
                continue
        yield at, chunk
        was_between, between = between, chunk.endswith(b"\n\n")
        found = _PLAIN_DELTA.search(chunk) if was_between and sse.is_one(chunk) else None
        if found and shapes_left:
            shapes_left -= 1
            before, after = chunk[: found.start(1)], chunk[found.end(1) :]
            probed = ChatReading()
            for event in sse.events([(at, b"\n"), (at, before + b"probe" + after)]):
                _take_event(event, probed)
            before = before if probed == ChatReading([at], [5], at, ["probe"]) else b""


def _unfinished(reading: ChatReading, chunks: list[tuple[float, bytes]]) -> CallError:
    if reading._passed_over:
        return CallError("protocol", f"not a chat completion chunk: {reading._passed_over!r}")
    if reading.done_at is not None:
        return CallError("protocol", "the stream ended with [DONE] and without an answer")
    body = b"".join(chunk for _, chunk in chunks).removeprefix(b"\xef\xbb\xbf").lstrip()
    if any(body[:6].startswith(field) or field.startswith(body[:6]) for field in _EVENT_FIELDS):
        return CallError("cut_off", "the stream ended before the answer was complete")
    if body.startswith((b"{", b"[")) and b'"error"' in body[:20_000]:
        return CallError("protocol", message_of(200, body))
    return CallError("protocol", f"{_NO_STREAM}{body[:80].decode('utf-8', 'replace')!r}")


def _take_event(event: sse.Event, reading: ChatReading) -> None:
    """Add one event: a chunk, an error, or something to pass over."""
    if event.name == "error":
        reading.error = CallError("protocol", message_of(200, event.data.encode()))
        return
    try:
        chunk = json.loads(event.data) if event.data.strip() else None
    except (ValueError, RecursionError):
        if event.name in ("", "message") and event.data.lstrip().startswith(("{", "[")):
            reading.error = _no_chunk(event)  # a torn chunk: what it said is lost
        elif not event.name:
            reading._passed_over = reading._passed_over or event.data[:80]
        return
    if not isinstance(chunk, dict):
        return
    error = _error_in(chunk)
    if error:
        reading.error = error
        return
    try:
        _take(chunk, event.at, reading)
    except (ValueError, TypeError, AttributeError, KeyError):
        reading.error = _no_chunk(event)


def _no_chunk(event: sse.Event) -> CallError:
    return CallError("protocol", f"not a chat completion chunk: {event.data[:80]!r}")


def _error_in(chunk: dict[str, Any]) -> CallError | None:
    """What a chunk, or one of its choices, says has failed."""
    choices = chunk.get("choices")
    for holder in (chunk, *(choices if isinstance(choices, list) else ())):
        if isinstance(holder, dict) and (holder.get("error") or holder.get("errors")):
            return _failure(holder.get("error") or holder.get("errors"), chunk)
    if choices or isinstance(chunk.get("usage"), dict):
        return None
    base = chunk.get("base_resp")  # MiniMax's
    if isinstance(base, dict) and base.get("status_code"):
        return _failure(base, chunk)
    is_error = "error" in (chunk.get("object"), chunk.get("type"), chunk.get("status"))
    coded = chunk.get("code") or chunk.get("statusCode") or chunk.get("success") is False
    if is_error or chunk.get("detail") or (coded and chunk.get("message")):
        return _failure(chunk, chunk)
    return None


def _failure(error: object, chunk: dict[str, Any]) -> CallError:
    said = shortened(words_in(error)) or "an error without a word"
    holders = [error, chunk] if isinstance(error, dict) else [chunk]
    codes = [holder.get(name) for holder in holders for name in ("code", "status", "statusCode")]
    refusals = (
        code for code in codes if isinstance(code, int) and code in (408, 429, 502, 503, 504)
    )
    return CallError("protocol", said, next(refusals, None))


def _take(chunk: dict[str, Any], at: float, reading: ChatReading) -> None:
    """Add one chunk. Raises TypeError or AttributeError where it says something unreadable."""
    reading.usage.take(chunk)
    for choice in chunk.get("choices") or ():
        if choice is None:
            continue
        delta = choice.get("delta")
        if not delta and not reading.chunks_at:
            delta = choice.get("message") or {"content": choice.get("text")}  # an answer in one
        _take_delta(delta or {}, at, reading, first=choice.get("index") in (None, 0, "0"))
        reason = text_of(choice.get("finish_reason"))
        if reason and choice.get("index") in (None, 0, "0"):
            reading.finish_reason = reason


def _take_delta(delta: dict[str, Any], at: float, reading: ChatReading, *, first: bool) -> None:
    thought, text = _texts(delta.get("content") or delta.get("refusal"))
    names = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
    thought += _flat(next((delta[name] for name in names if delta.get(name)), None))
    fragments = delta.get("tool_calls") or delta.get("function_call") or []
    if isinstance(fragments, dict):
        fragments = [fragments if "function" in fragments else {"function": fragments}]
    fragments = [fragment for fragment in fragments if fragment]
    # The other choices' calls are not kept, and their fragments are as long as they look.
    calls = reading._fragments if first else ToolFragments()
    chars = len(text) + len(thought) + sum([calls.take(fragment) for fragment in fragments])
    if text or fragments or thought:
        reading.chunks_at.append(at)
        reading.chunk_chars.append(chars)
    if (text or fragments) and reading.first_output_at is None:
        reading.first_output_at = at
    if first:
        reading.reasoning += thought
        reading.said.append(text)


def _texts(content: object) -> tuple[str, str]:
    """What a content thinks and what it says: a text, or a list of parts of either."""
    if not isinstance(content, list):
        return "", text_of(content)
    thought, said = "", ""
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and ("think" in kind or "reason" in kind):
            thought += _flat(part)
        else:
            said += _flat(part)
    return thought, said


def _flat(value: object) -> str:
    """The text in a part, in a list of parts, or in what a part holds; none in what is hidden."""
    if isinstance(value, list):
        return "".join(map(_flat, value))
    if isinstance(value, dict):
        names = ("text", "thinking", "summary", "content", "reasoning")
        return _flat(next((value[name] for name in names if value.get(name)), None))
    return text_of(value)


def _paired(text: str) -> str:
    """With each character whole whose halves came in two chunks."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
