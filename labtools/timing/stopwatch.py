"""One streamed call, measured: a request through an OpenAI client to a `CallRecord`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import httpx2
import openai

from labtools.errors import redacted
from labtools.records import CallError, CallRecord
from labtools.timing.arrivals import EXTENSION, Arrivals
from labtools.wire.chat_reader import ChatReading, read_chat_stream


async def timed_call(client: openai.AsyncOpenAI, **request: Any) -> CallRecord:
    """Stream one chat completion and time it. `request` is what `create(...)` takes.

    The endpoint is asked for its `usage`; `stream_options=None` leaves that out, for endpoints
    that refuse it.

    The call fails into the record: an HTTP error, a refused connection, a timeout or a stream
    that is cut off becomes `record.error`, with everything that had arrived until then. A
    request that the client itself refuses (a wrong keyword, say) raises.

    A client from `connect(...)` stamps bytes in its transport; for any other the instants are
    when its reader was handed them. Where the transport receives by itself, this waits for the
    end and then reads, so that measuring one stream does not delay another.
    """
    loop = asyncio.get_running_loop()
    arrivals = Arrivals(loop.time())
    error: CallError | None = None
    options = request.pop("stream_options", {})
    if options is not None:
        request["stream_options"] = {"include_usage": True, **options}
    create = cast(Callable[..., Any], client.chat.completions.with_streaming_response.create)
    try:
        async with create(**request, stream=True) as response:
            stamped = response.http_response.extensions.get(EXTENSION)
            arrivals = stamped or arrivals
            if arrivals.complete:
                await arrivals.complete.wait()
            async for chunk in response.iter_bytes():
                if stamped is None:
                    arrivals.chunks.append((loop.time(), chunk))
    except openai.APIStatusError as failure:
        error = _status_error(failure)
    except (openai.APITimeoutError, httpx2.TimeoutException) as failure:
        error = CallError("timeout", _reason(failure))
    except openai.APIConnectionError as failure:
        error = CallError("connection", _reason(failure))
    except httpx2.TransportError as failure:
        error = CallError("cut_off", _reason(failure))
    except httpx2.DecodingError as failure:
        error = CallError("protocol", f"the body cannot be decompressed: {failure}")
    ended_at = arrivals.ended_at if arrivals.ended_at is not None else loop.time()
    reading = read_chat_stream(arrivals.chunks)
    if error and error.kind == "cut_off" and reading.done:
        error = None  # Some servers hang up without closing the body they have finished.
    error = error or reading.error
    if error:
        # Some endpoints repeat the key that they refuse.
        error = replace(error, message=redacted(error.message, client.api_key))
    return _record(request["model"], arrivals, ended_at, reading, error)


def _record(
    model: str, arrivals: Arrivals, ended_at: float, reading: ChatReading, error: CallError | None
) -> CallRecord:
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


def _status_error(failure: openai.APIStatusError) -> CallError:
    body = failure.body if isinstance(failure.body, dict) else {}
    message = str(body.get("message") or failure.message)
    retry_after_s = _seconds(failure.response.headers.get("retry-after", ""))
    return CallError("status", message, failure.status_code, retry_after_s)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:  # a date, for one
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _reason(failure: BaseException) -> str:
    """The innermost cause in words: the SDK itself says only "Connection error."."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    return str(failure) or type(failure).__name__
