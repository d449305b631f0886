"""One streamed call, measured: a request through an OpenAI client to a `CallRecord`."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import openai

from labtools.records import CallError, CallRecord
from labtools.timing.arrivals import EXTENSION, Arrivals
from labtools.wire.chat_reader import ChatReading, read_chat_stream


async def timed_call(client: openai.AsyncOpenAI, **request: Any) -> CallRecord:
    """Stream one chat completion and time it. `request` is what `create(...)` takes.

    The call fails into the record: an HTTP error, a refused connection, a timeout or a stream
    that is cut off becomes `record.error`, with everything that had arrived until then. A
    request that the client itself refuses (a wrong keyword, say) raises.

    A client from `connect(...)` stamps bytes in its transport; for any other the instants are
    when its reader was handed them.
    """
    loop = asyncio.get_running_loop()
    arrivals = Arrivals(loop.time())
    error: CallError | None = None
    options = {"include_usage": True, **request.pop("stream_options", {})}
    try:
        async with client.chat.completions.with_streaming_response.create(
            **request, stream=True, stream_options=options
        ) as response:
            stamped = response.http_response.extensions.get(EXTENSION)
            arrivals = stamped or arrivals
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
    ended_at = arrivals.ended_at if arrivals.ended_at is not None else loop.time()
    reading = read_chat_stream(arrivals.chunks)
    return _record(request["model"], arrivals.sent_at, ended_at, reading, error or reading.error)


def _record(
    model: str, sent_at: float, ended_at: float, reading: ChatReading, error: CallError | None
) -> CallRecord:
    return CallRecord(
        model=model,
        sent_at=sent_at,
        ended_at=ended_at,
        chunks_at=tuple(reading.chunks_at),
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
    retry_after = failure.response.headers.get("retry-after", "")
    try:
        retry_after_s = float(retry_after)
    except ValueError:
        retry_after_s = None
    body = failure.body if isinstance(failure.body, dict) else {}
    message = str(body.get("message") or failure.message)
    return CallError("status", message, failure.status_code, retry_after_s)


def _reason(failure: BaseException) -> str:
    """The innermost cause in words: the SDK itself says only "Connection error."."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    return str(failure) or type(failure).__name__
