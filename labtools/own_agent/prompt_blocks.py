"""A prompt as blocks, and what broke the prefix cache: the first of them that differs.

Blocks are tools in wire order, system blocks and messages: a keyed hash and a length each. That is
enough to say which block changed, and nothing of what it says: the key is made anew for each
recording and kept in memory alone.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from labtools.errors import ConfigurationError
from labtools.lab.spans import in_order
from labtools.lab.trace import Trace
from labtools.read_back import Json, dig, objects, text
from labtools.records import Block, CallRecord, Span

if TYPE_CHECKING:
    from labtools.own_agent.fit import Fit


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


_MUCH = 0.8
"""A call that found less than this of the prompt before it in the cache has missed it."""

_FEW = 0.1
"""Of a block's characters: what changes when a line of it does."""


@dataclass(frozen=True)
class CacheBreak:
    """A call whose prompt does not begin as the one before it did, or was not found again."""

    step: int
    """Its id."""
    place: int | None
    """Which block of its prompt differs first, from 1; null where the log has no blocks."""
    block: str | None
    tokens: int
    """Behind that place, and paid again."""
    took_s: float | None
    sentence: str


def breaks(spans: Iterable[Span], fits: Mapping[str, Fit]) -> Iterator[CacheBreak]:
    """Every break, in order; what it took is by the trace's own fit."""
    last: dict[str, Span] = {}
    for span in in_order(spans):
        call = span.call
        if call is None or call.error or call.input_tokens is None:
            continue
        before = last.get(call.model)
        last[call.model] = span
        if before is None:
            continue
        shared = shared_blocks(before.blocks, span.blocks)
        tokens = _paid_again(before, span, shared)
        if tokens <= 0:
            continue
        fit = fits.get(call.model)
        took_s = tokens * float(fit.coefficients[1]) if fit else None
        place, block = None, None
        paid = f"{tokens:,} tokens paid again" + ("" if took_s is None else f", {took_s:.2f} s")
        if shared < min(len(before.blocks), len(span.blocks)):
            differs, place = span.blocks[shared], shared + 1
            block = f"{differs.kind} {differs.name}".strip()
            named = f" {differs.name!r}" if differs.name else ""
            sentence = f"{span.name}: block {place}, {differs.kind}{named}, differed; {paid}"
        else:
            sentence = f"{span.name}: {paid}; the log does not say which block differed"
        yield CacheBreak(span.id, place, block, tokens, took_s, sentence)


def _paid_again(before: Span, span: Span, place: int) -> int:
    """Tokens of the prompt before that stand in this one too, and had to be computed again.

    Another conversation shares nothing with the one before it, and so breaks nothing.
    """
    earlier, call = before.call, span.call
    if earlier is None or call is None or not earlier.input_tokens or not call.input_tokens:
        return 0
    uncached = call.input_tokens - (call.cached_tokens or 0)
    if before.blocks and span.blocks:
        if place >= len(before.blocks):
            return 0
        chars = sum(block.chars for block in before.blocks)
        again = {block.digest for block in span.blocks[place:]}
        behind = sum(block.chars for block in before.blocks[place:] if block.digest in again)
        if _edited(before.blocks[place : place + 1], span.blocks[place : place + 1]):
            behind += before.blocks[place].chars
        return min(uncached, round(earlier.input_tokens * behind / chars)) if chars else 0
    could = min(earlier.input_tokens, call.input_tokens)
    if call.cached_tokens is None or call.cached_tokens >= _MUCH * could:
        return 0
    return could - call.cached_tokens


def _edited(before: tuple[Block, ...], now: tuple[Block, ...]) -> bool:
    """Whether a system block or a tool is the one before with a few words changed."""
    return any(
        old.kind == new.kind != "message"
        and old.digest != new.digest
        and abs(old.chars - new.chars) <= _FEW * old.chars
        for old, new in zip(before, now, strict=False)
    )


def shared_blocks(one: tuple[Block, ...], other: tuple[Block, ...]) -> int:
    """How many blocks two prompts have in common at their start."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def reusable_tokens(span: Span, before: Iterable[Span]) -> int | None:
    """What a cache that kept the prompts before would find; None where nothing says so.

    With blocks, the longest common start; without, the prompt before, if this one is no shorter:
    that is assumed to begin with it.
    """
    call = span.call
    if call is None or not call.input_tokens:
        return None
    found = 0
    for earlier in before:
        if span.blocks and earlier.blocks:
            chars = sum(block.chars for block in span.blocks)
            same = span.blocks[: shared_blocks(earlier.blocks, span.blocks)]
            share = sum(block.chars for block in same) / chars if chars else 0.0
            found = max(found, int(share * call.input_tokens))
        elif earlier.call:
            found = max(found, _appended(earlier.call, call))
    return found


def _appended(earlier: CallRecord, call: CallRecord) -> int:
    shorter = earlier.input_tokens or 0
    return shorter if shorter <= (call.input_tokens or 0) else 0
