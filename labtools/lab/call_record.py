"""From the bytes of one call, stamped, to its record: the same for every reader of bytes."""

from __future__ import annotations

import math
from dataclasses import replace
from email.utils import parsedate_to_datetime

from labtools.clock import unix_time_s
from labtools.errors import redacted
from labtools.records import CallError, CallRecord
from labtools.transport.arrivals import Arrivals
from labtools.wire.chat_reader import read_chat_stream


def record_of(
    model: str, arrivals: Arrivals, ended_at: float, error: CallError | None, secret: str
) -> CallRecord:
    """What the stream amounted to. `error` is what the transport met, if anything.

    `secret` is the key: some endpoints repeat the one that they refuse.
    """
    reading = read_chat_stream(arrivals.chunks)
    if error and error.kind == "cut_off" and reading.done:
        error = None  # Some servers hang up without closing the body they have finished.
    error = error or reading.error
    if error:
        error = replace(error, message=redacted(error.message, secret))
    return CallRecord(
        model=model,
        sent_at=arrivals.sent_at,
        ended_at=ended_at,
        connect_s=arrivals.connect_s,
        chunks_at=tuple(reading.chunks_at),
        chunk_chars=tuple(reading.chunk_chars),
        first_output_at=reading.first_output_at,
        input_tokens=reading.input_tokens,
        output_tokens=reading.output_tokens,
        cached_tokens=reading.cached_tokens,
        reasoning_tokens=reading.reasoning_tokens,
        finish_reason=reading.finish_reason,
        content=reading.content,
        reasoning=reading.reasoning,
        tool_calls=reading.tool_calls,
        error=error,
    )


def retry_after_s(header: str | None) -> float | None:
    """How long a `retry-after` header asks to wait, be it seconds or a date; None for neither."""
    text = (header or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(text).timestamp() - unix_time_s())
        except (ValueError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
