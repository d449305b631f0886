"""Tokens of a call: what `usage` says, or chunks where the endpoint sends no usage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from labtools.clock import elapsed_s
from labtools.records import CallRecord

Source = Literal["usage", "chunks", "both", "nothing"]


def output_tokens(record: CallRecord) -> int | None:
    """The answer's length; None when the call failed."""
    if record.error:
        return None
    return len(record.chunks_at) if record.output_tokens is None else record.output_tokens


def tpot_s(record: CallRecord) -> float | None:
    """Seconds a token after the first; without usage, seconds a chunk."""
    if record.output_tokens is not None or record.error or len(record.chunks_at) < 2:
        return record.tpot_s
    return elapsed_s(record.chunks_at[0], record.chunks_at[-1]) / (len(record.chunks_at) - 1)


def cached_share(record: CallRecord) -> float | None:
    """The share of the prompt that the endpoint says it had cached; None where it says nothing."""
    if record.cached_tokens is None or not record.input_tokens:
        return None
    return record.cached_tokens / record.input_tokens


def counted_as(records: Iterable[CallRecord]) -> Source:
    """Where the lengths of the answers come from."""
    told = {record.output_tokens is not None for record in records if not record.error}
    if len(told) == 2:
        return "both"
    return "nothing" if not told else "usage" if True in told else "chunks"
