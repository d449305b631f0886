"""A prompt as blocks: tools in wire order, system blocks, messages; a keyed hash and a length each.

Enough to say which block changed, and nothing of what it says: the key is made anew for each
recording and kept in memory alone.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labtools.errors import ConfigurationError
from labtools.lab.spans import in_order
from labtools.lab.trace import Trace
from labtools.own_agent.json_values import Json, dig, objects, text
from labtools.records import Block


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request asks: of chat completions, responses, or Anthropic's messages."""

    model: str
    blocks: tuple[Block, ...]
    results: tuple[str, ...]
    """Ids of the tool calls whose results it brings."""
    said: tuple[str, ...]
    """Digests of what the model is reminded to have said."""


def prompt_of(body: object, key: bytes) -> Prompt:
    """The prompt in a request's body; a body of another kind has no blocks."""
    blocks: list[Block] = []
    results: list[str] = []
    said: list[str] = []
    for kind, name, value in _parts(body):
        written = _written(value)
        blocks.append(Block(kind, name, digest(written, key), len(written)))
        results += _results(value)
        if name == "assistant" and (words := text_in(value)):
            said.append(digest(words, key))
    model = text(body, "model") or "unknown"
    return Prompt(model, tuple(blocks), tuple(results), tuple(said))


def with_blocks(trace: Trace, sent: Sequence[Mapping[str, Any]]) -> Trace:
    """The trace, each of its calls with the blocks of the request that it sent, in their order."""
    calls = [span for span in in_order(trace.spans) if span.call]
    if len(calls) != len(sent):
        raise ConfigurationError(
            f"{len(sent)} requests for {len(calls)} calls: give the request of each call."
        )
    key = secrets.token_bytes(32)
    blocks = {span.id: prompt_of(body, key).blocks for span, body in zip(calls, sent, strict=True)}
    spans = tuple(replace(span, blocks=blocks.get(span.id, ())) for span in trace.spans)
    return replace(trace, spans=spans)


def digest(written: str, key: bytes) -> str:
    """The keyed hash of a text."""
    return hashlib.blake2b(written.encode("utf-8", "replace"), key=key, digest_size=12).hexdigest()


def text_in(message: object) -> str:
    """The text of a message, however its content is laid out."""
    content = dig(message, "content")
    if isinstance(content, list):
        return "".join(text(part, "text") for part in content)
    return content if isinstance(content, str) else ""


def _parts(body: object) -> Iterator[tuple[str, str, Any]]:
    for tool in objects(body, "tools"):
        yield (
            "tool",
            text(tool, "name") or text(tool, "function", "name") or text(tool, "type"),
            tool,
        )
    system = dig(body, "system") or dig(body, "instructions")
    for block in system if isinstance(system, list) else [system] * bool(system):
        yield "system", "", block
    asked = dig(body, "messages") or dig(body, "input")
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    for message in asked if isinstance(asked, list) else ():
        role = text(message, "role") or text(message, "type")
        yield "system" if role in ("system", "developer") else "message", role, message


def _written(value: object) -> str:
    """A block as text. A mark of where to cache moves along, and is no part of the prompt."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {name: _plain(each) for name, each in value.items() if name != "cache_control"}
    content = plain.get("content")
    if isinstance(content, list) and len(content) == 1 and set(content[0]) == {"type", "text"}:
        plain["content"] = content[0]["text"]  # the same text, written shorter
    return plain


def _results(message: Json) -> Iterator[str]:
    yield text(message, "tool_call_id")
    if text(message, "type").endswith("_output"):
        yield text(message, "call_id")
    for part in objects(message, "content"):
        yield text(part, "tool_use_id")
