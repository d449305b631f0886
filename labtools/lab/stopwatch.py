"""One streamed call, measured: a request through an OpenAI client to a `CallRecord`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import httpx2
import openai

from labtools.lab.call_record import record_of, retry_after_s
from labtools.records import CallError, CallRecord
from labtools.transport.arrivals import EXTENSION, READS_AFTERWARDS, Arrivals


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
    reads_afterwards = READS_AFTERWARDS.set(True)
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
    finally:
        READS_AFTERWARDS.reset(reads_afterwards)
    ended_at = arrivals.ended_at if arrivals.ended_at is not None else loop.time()
    return record_of(request["model"], arrivals, ended_at, error, client.api_key)


def _status_error(failure: openai.APIStatusError) -> CallError:
    body = failure.body if isinstance(failure.body, dict) else {}
    message = str(body.get("message") or failure.message)
    wait_s = retry_after_s(failure.response.headers.get("retry-after"))
    return CallError("status", message, failure.status_code, wait_s)


def _reason(failure: BaseException) -> str:
    """The innermost cause in words: the SDK itself says only "Connection error."."""
    while failure.__cause__ is not None:
        failure = failure.__cause__
    return str(failure) or type(failure).__name__
