"""What broke the prefix cache: the first block of a prompt that differs from the call before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from labtools.lab.spans import in_order
from labtools.own_agent.fit import Fit
from labtools.records import Block, CallRecord, Span

_MUCH = 0.8
"""A call that found less than this of the prompt before it in the cache has missed it."""

_FEW = 0.1
"""Of a block's characters: what changes when a line of it does."""


@dataclass(frozen=True, slots=True)
class Break:
    """A call whose prompt does not begin as the one before it did, or was not found again."""

    span: Span
    block: Block | None
    """The first that differs. None: the log has no blocks, or all of them are the same."""
    place: int | None
    """Which block of the prompt it is, from 1."""
    tokens: int
    """Behind that place, and paid again."""
    took_s: float | None
    """What computing them took, by the trace's own fit."""

    def sentence(self) -> str:
        """Where it is, and what it cost."""
        took = "" if self.took_s is None else f", {self.took_s:.2f} s"
        paid = f"{self.tokens:,} tokens paid again{took}"
        if self.block is None:
            return f"{self.span.name}: {paid}; the log does not say which block differed"
        named = f" {self.block.name!r}" if self.block.name else ""
        return f"{self.span.name}: block {self.place}, {self.block.kind}{named}, differed; {paid}"


def breaks(spans: Iterable[Span], fits: Mapping[str, Fit]) -> list[Break]:
    """Every break, in order."""
    return list(_breaks(spans, fits))


def _breaks(spans: Iterable[Span], fits: Mapping[str, Fit]) -> Iterator[Break]:
    last: dict[str, Span] = {}
    for span in in_order(spans):
        call = span.call
        if call is None or call.error or call.input_tokens is None:
            continue
        before = last.get(call.model)
        last[call.model] = span
        if before is None or before.call is None:
            continue
        fit = fits.get(call.model)
        token_s = float(fit.coefficients[1]) if fit else None
        place = shared_blocks(before.blocks, span.blocks)
        tokens = _paid_again(before, span, place)
        if tokens <= 0:
            continue
        differs = span.blocks[place] if place < min(len(before.blocks), len(span.blocks)) else None
        took_s = None if token_s is None else tokens * token_s
        yield Break(span, differs, place + 1 if differs else None, tokens, took_s)


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
