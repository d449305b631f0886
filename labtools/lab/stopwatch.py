"""One streamed call, measured: a request through an OpenAI client to a `CallRecord`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from numbers import Real
from typing import Any, cast
from urllib.parse import urlencode

import httpx2
import openai

from labtools.clock import SimLoop, unix_time_s
from labtools.records import CallError, CallRecord, ToolCall
from labtools.redaction import redactor_for, without_credentials
from labtools.transport.arrivals import EXTENSION, READS_AFTERWARDS, Arrivals
from labtools.wire.api_error import message_of, shortened
from labtools.wire.chat_reader import read_chat_stream

# A body usually ends with `[DONE]`, or at once after it; then its connection can be used again.
_LINGER_S = 0.05


async def timed_call(client: openai.AsyncOpenAI, **request: Any) -> CallRecord:
    """Stream one chat completion and time it. `request` is what `create(...)` takes.

    The endpoint is asked for its `usage`; `stream_options=None` leaves that out, for endpoints
    that refuse it.

    `timeout` bounds the whole call, from the request to `[DONE]`, however many bytes come in
    between; left out, it is the client's, 600 s. (For a call of the plain SDK it bounds each
    silence.) On the simulated clock nothing but a given one bounds it.

    The call fails into the record: an HTTP error, a refused connection, a timeout, a stream that
    is cut off or says that it failed becomes `record.error`, with everything that had arrived
    until then. A request that the client itself refuses (a wrong keyword, say) raises.

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
    limit_s = _limit_s(client, request)
    reads_afterwards = READS_AFTERWARDS.set(True)
    try:
        async with (
            asyncio.timeout(limit_s),
            create(**_unsearched(request), stream=True) as response,
        ):
            http = response.http_response
            stamped = http.extensions.get(EXTENSION)
            if stamped is None:
                arrivals.decompressing(http.headers.raw)
            arrivals = stamped or arrivals
            await _received(http.aiter_raw(), arrivals, take=stamped is None)
    except openai.APIStatusError as failure:
        error = _status_error(failure)
    except (openai.APITimeoutError, httpx2.TimeoutException) as failure:
        error = CallError("timeout", _reason(failure))
    except TimeoutError:
        error = CallError("timeout", f"The call was not whole after {limit_s:g} s.")
    except openai.APIConnectionError as failure:
        error = CallError("connection", _reason(failure))
    except httpx2.DecodingError as failure:
        error = CallError("protocol", str(failure))
    except httpx2.TransportError as failure:
        error = CallError("cut_off", _reason(failure))
    finally:
        READS_AFTERWARDS.reset(reads_afterwards)
    ended_at = arrivals.ended_at if arrivals.ended_at is not None else loop.time()
    url = f"{client.base_url}?{urlencode(client.default_query)}"
    return record_of(request["model"], arrivals, ended_at, error, client.api_key, url)


async def _received(body: AsyncIterator[bytes], arrivals: Arrivals, *, take: bool) -> None:
    """Wait until the answer is whole, and a little longer for the body's end."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as lingering:
            if arrivals.complete:
                await arrivals.complete.wait()
            if arrivals.done:
                lingering.reschedule(loop.time() + _LINGER_S)
            async for data in body:
                if take:
                    arrivals.add(loop.time(), data)
                if arrivals.done and lingering.when() is None:
                    lingering.reschedule(loop.time() + _LINGER_S)
    except TimeoutError:
        pass  # It was whole.


def record_of(
    model: str,
    arrivals: Arrivals,
    ended_at: float,
    error: CallError | None,
    key: str,
    url: str = "",
) -> CallRecord:
    """What the stream amounted to. `error` is what the transport met, if anything.

    Neither `key` nor what `url` has of a password is in it: some endpoints repeat what they get.
    """
    reading = read_chat_stream(arrivals.chunks)
    redacted = redactor_for(key, url)
    if reading.done_at is not None:
        ended_at = min(ended_at, reading.done_at)
        if error and error.kind in ("cut_off", "timeout"):
            error = None  # Some servers hang up, or never do, after what they have finished.
    error = error or reading.error
    usage = reading.usage
    arrivals.counted = usage.counted
    return CallRecord(
        model=model,
        sent_at=arrivals.sent_at,
        ended_at=ended_at,
        connect_s=arrivals.connect_s,
        chunks_at=tuple(reading.chunks_at),
        chunk_chars=tuple(reading.chunk_chars),
        first_output_at=reading.first_output_at,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        finish_reason=reading.finish_reason and redacted(reading.finish_reason),
        content=redacted(reading.content),
        reasoning=redacted(reading.reasoning),
        tool_calls=tuple(
            ToolCall(redacted(call.id), redacted(call.name), redacted(call.arguments))
            for call in reading.tool_calls
        ),
        error=error and replace(error, message=redacted(error.message)),
    )


def retry_after_s(header: str | None) -> float | None:
    """How long a `retry-after` header asks to wait, be it seconds or a date; None for neither."""
    text = (header or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(text).timestamp() - unix_time_s())
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds if 0 <= seconds < 1e9 else None


def _unsearched(request: dict[str, Any]) -> dict[str, Any]:
    """The request, for the same bytes in fewer steps.

    The SDK searches messages for what its types would rename, which takes 0.2 ms of its 0.6; where
    all of them are plain text there is nothing to find, and `extra_body` goes out unsearched.
    """
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(
        isinstance(message, dict) and all(isinstance(value, str) for value in message.values())
        for message in messages
    ):
        return request
    body = {"messages": messages, **(request.get("extra_body") or {})}
    return {**request, "messages": [], "extra_body": body}


def _limit_s(client: openai.AsyncOpenAI, request: dict[str, Any]) -> float | None:
    """How long the whole call may take."""
    given = request.get("timeout", openai.NOT_GIVEN)
    if isinstance(given, openai.NotGiven):
        given = client.timeout
        if isinstance(asyncio.get_running_loop(), SimLoop) and given == openai.DEFAULT_TIMEOUT:
            return None
    if isinstance(given, httpx2.Timeout):
        given = given.read
    return float(given) if isinstance(given, Real) else None


def _status_error(failure: openai.APIStatusError) -> CallError:
    response = failure.response
    headers, message = response.headers, message_of(response.status_code, response.content)
    if location := headers.get("location"):
        message = shortened(
            f"the endpoint has moved to {without_credentials(location)}, which was "
            "not asked: it is another host, or not safe. Use that address."
        )
    wait_s = retry_after_s(headers.get("retry-after"))
    if (milliseconds := retry_after_s(headers.get("retry-after-ms"))) is not None:
        wait_s = milliseconds / 1e3
    return CallError("status", message, failure.status_code, wait_s)


def _reason(failure: BaseException) -> str:
    """The innermost cause in words: the SDK itself says only "Connection error."."""
    while failure.__cause__ is not None and not isinstance(failure, httpx2.ProxyError):
        failure = failure.__cause__
    return str(failure) or type(failure).__name__
