"""An answer as it passed: when it said something, what it used, which tools it asked for.

Of chat completions, responses and Anthropic's messages, streamed or whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field

from labtools.read_back import Json, dig, from_json, objects, text, tokens
from labtools.records import CallError, CallRecord, ToolCall
from labtools.wire import sse
from labtools.wire.usage import ReportedUsage

_DELTAS = ("content", "reasoning_content", "reasoning", "tool_calls", "refusal")


@dataclass(slots=True)
class Answer:
    """What a response amounts to; `chunks_at` is empty for one that came whole."""

    model: str = ""
    chunks_at: list[float] = field(default_factory=list)
    text: str = ""
    tools: dict[str, str] = field(default_factory=dict)
    """From the id of a tool call to the tool's name."""
    usage: ReportedUsage = field(default_factory=ReportedUsage)
    finish_reason: str | None = None
    ended: bool = False

    def record(
        self, model: str, sent_at: float, ended_at: float, error: CallError | None
    ) -> CallRecord:
        """The call's record, without any text."""
        if error is None and not self.ended:
            error = CallError("cut_off", "the answer ended in the middle")
        return CallRecord(
            self.model or model,
            sent_at,
            ended_at,
            tuple(self.chunks_at),
            finish_reason=self.finish_reason,
            error=error,
            tool_calls=tuple(ToolCall(id, name, "") for id, name in self.tools.items()),
            **asdict(self.usage),
        )


def read_answer(chunks: Iterable[tuple[float, bytes]]) -> Answer:
    """Read a body, given as (instant, bytes) in order of arrival."""
    chunks, answer = list(chunks), Answer()
    body = b"".join(piece for _, piece in chunks)
    whole = from_json(body)
    if isinstance(whole, dict):
        _whole(answer, whole)
        return answer
    for event in sse.events(chunks):
        if event.data == "[DONE]":
            answer.ended = True
            continue
        values = from_json(event.data)
        if isinstance(values, dict) and _event(answer, values):
            answer.chunks_at.append(event.at)
    return answer


def _whole(answer: Answer, body: Json) -> None:
    message = dig(body, "choices", 0, "message") or body
    answer.model = text(body, "model")
    answer.text = text(message, "content") or "".join(
        text(part, "text") for item in _items(body) for part in [item, *objects(item, "content")]
    )
    for call in [*objects(message, "tool_calls"), *_items(body)]:
        _tool(answer, call)
    answer.finish_reason = (
        text(body, "choices", 0, "finish_reason")
        or text(body, "stop_reason")
        or text(body, "status")
    ) or None
    _use(answer, dig(body, "usage"))
    answer.ended = "error" not in body or body["error"] is None


def _items(body: Json) -> Iterator[Json]:
    yield from objects(body, "output")  # responses
    yield from objects(body, "content")  # Anthropic's messages


def _event(answer: Answer, values: Json) -> bool:
    """Take an event in; whether it carries output."""
    kind = text(values, "type")
    response = dig(values, "response") or dig(values, "message") or {}
    answer.model = answer.model or text(values, "model") or text(response, "model")
    for usage in (dig(values, "usage"), dig(response, "usage")):
        _use(answer, usage)
    if not kind:  # chat completions
        answer.finish_reason = text(values, "choices", 0, "finish_reason") or answer.finish_reason
        answer.ended = answer.ended or bool(answer.finish_reason)
        delta = dig(values, "choices", 0, "delta")
        answer.text += text(delta, "content")
        for call in objects(delta, "tool_calls"):
            _tool(answer, call)
        return any(dig(delta, name) for name in _DELTAS)
    for item in (dig(values, "item"), dig(values, "content_block")):
        if isinstance(item, dict):
            _tool(answer, item)
    delta = dig(values, "delta")
    if kind in ("response.completed", "response.incomplete", "message_stop"):
        answer.ended = True
    reason = text(delta, "stop_reason") or text(response, "status")
    answer.finish_reason = reason if reason not in ("", "in_progress") else answer.finish_reason
    if kind == "response.output_text.delta":
        answer.text += text(values, "delta")
    answer.text += text(delta, "text")
    return kind == "content_block_delta" or (
        kind.startswith("response.") and kind.endswith(".delta")
    )


def _tool(answer: Answer, call: Json) -> None:
    id = text(call, "call_id") or text(call, "id")
    name = text(call, "name") or text(call, "function", "name")
    if id and name:
        answer.tools[id] = name


def _use(answer: Answer, usage: object) -> None:
    """Take token counts in. The input that Anthropic counts holds no cached tokens."""
    if not isinstance(usage, dict):
        return
    given = tokens(usage, "input_tokens")
    if given is not None:
        apart = ("cache_read_input_tokens", "cache_creation_input_tokens")
        given += sum(tokens(usage, name) or 0 for name in apart)
    answer.usage.take({"usage": {**usage, "input_tokens": given}})
