"""The two transports of a recording: one writes each exchange down, one answers from what was
written, on the simulated clock: the same bytes, as late. (`recording` has the format.)"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from labtools.clock import elapsed_s, must_run_on
from labtools.redaction import NO_SECRET, Redactor
from labtools.transport.arrivals import EXTENSION, Around, Arrivals, at_once
from labtools.transport.recording import (
    COMPLETE,
    LEFT,
    Asked,
    Exchange,
    Header,
    Recording,
    append,
    begin,
)
from labtools.wire.api_error import ApiError

# A replay reads no others.
_KEPT_HEADERS = ("content-type", "content-encoding", "retry-after")


class RecordingTransport(Around):
    """Any transport that gives responses their arrivals, with its exchanges kept in a file.

    A failure of the transport and a request that was cancelled are exchanges too. What `redacted`
    knows stays out of the file: some endpoints repeat the key they refuse.
    """

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        path: str | Path,
        header: Header,
        redacted: Redactor = NO_SECRET,
    ) -> None:
        super().__init__(inner)
        self._numbers = count(begin(path, header))
        self._path = path
        self._redacted = redacted

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass the request on; the exchange is written when its answer has been read or left."""
        asked = Asked.by(request, await request.aread())
        if asked.lists_models:
            return await self._inner.handle_async_request(request)
        number = next(self._numbers)
        time = asyncio.get_running_loop().time
        asked_at = time()

        def write(ended_s: float, error: BaseException | None, **answer: Any) -> None:
            ending, message = self._ending(error)
            known = {**asdict(asked), "number": number, "ending": ending, "message": message}
            append(self._path, Exchange(**known, ended_s=ended_s, **answer))

        try:
            response = await self._inner.handle_async_request(request)
        except (httpx2.RequestError, asyncio.CancelledError) as error:
            write(elapsed_s(asked_at, time()), error)
            raise
        arrivals = response.extensions[EXTENSION]
        # Its first bytes may have come before this task was resumed.
        first_at = min([time(), *(at for at, _ in arrivals.chunks[:1])])

        def ended(error: BaseException | None) -> None:
            ended_at = time() if arrivals.ended_at is None else arrivals.ended_at
            headers = response.headers
            write(
                elapsed_s(arrivals.sent_at, ended_at),
                error,
                status=response.status_code,
                headers={n: self._redacted(headers[n]) for n in _KEPT_HEADERS if n in headers},
                connect_s=elapsed_s(0.0, arrivals.connect_s),
                head_s=elapsed_s(arrivals.sent_at, min(first_at, ended_at)),
                body=self._body(arrivals),
            )

        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_RecordedStream(response.stream, ended),
            extensions=response.extensions,
        )

    def _ending(self, error: BaseException | None) -> tuple[str, str]:
        if error is None:
            return COMPLETE, ""
        if isinstance(error, httpx2.RequestError):
            return type(error).__name__, self._redacted(str(error))
        return LEFT, ""

    def _body(self, arrivals: Arrivals) -> list[tuple[float, str]]:
        whole = b"".join(data for _, data in arrivals.chunks).decode("latin-1")
        whole = self._redacted.same_length(whole)  # so that the pieces can be told apart again
        body, start = [], 0
        for at, data in arrivals.chunks:
            piece = whole[start : start + len(data)]
            body.append((elapsed_s(arrivals.sent_at, at), piece))
            start += len(data)
        return body


class _RecordedStream(httpx2.AsyncByteStream):
    """Says once how the reading of a stream ended: None for well, else what came instead."""

    def __init__(
        self, inner: httpx2.AsyncByteStream, ended: Callable[[BaseException | None], None]
    ) -> None:
        self._inner = inner
        self._ended: Callable[[BaseException | None], None] | None = ended

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                yield chunk
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)

    async def aclose(self) -> None:
        self._end(GeneratorExit())
        await self._inner.aclose()

    def _end(self, error: BaseException | None) -> None:
        ended, self._ended = self._ended, None
        if ended:
            ended(error)


# Where the recorded run stopped reading, this one has so much longer to stop as well.
LEAVE_WITHIN_S = 60.0
# A recorded timeout was a little late, and is not to be replaced by a new one.
_SLACK_S = 0.1


class ReplayTransport(httpx2.AsyncBaseTransport):
    """Requests to a recording on `loop`. Each exchange is given out once, in recorded order.

    A response's `extensions["labtools.arrivals"]` has the recorded instants. A request that was
    not recorded, or not so often, gets a 404 that says so. GET /models lists the models that the
    recording knows, and takes no time.
    """

    def __init__(self, recording: Recording, loop: asyncio.AbstractEventLoop) -> None:
        self._recording = recording
        self._loop = loop
        self._left = defaultdict[object, deque[Exchange]](deque)
        for exchange in recording.exchanges:
            self._left[exchange.identity].append(exchange)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Wait as long as the recorded request did, and fail where it failed."""
        must_run_on(self._loop)
        asked = Asked.by(request, await request.aread())
        if asked.lists_models:
            return at_once(200, json.dumps(self._models()).encode())
        left = self._left[asked.identity]
        if not left:
            refusal = ApiError(404, self._why_not(asked), code="not_recorded")
            return at_once(refusal.status, refusal.body())
        exchange = left.popleft()
        await asyncio.sleep(exchange.connect_s)
        if exchange.status is None:
            await asyncio.sleep(_end_s(exchange))
            raise exchange.error() or httpx2.ReadError("No answer was recorded.")
        arrivals = Arrivals(self._loop.time(), connect_s=exchange.connect_s)
        await asyncio.sleep(exchange.head_s)
        timeout_s = request.extensions.get("timeout", {}).get("read")
        headers = [(name.encode(), value.encode()) for name, value in exchange.headers.items()]
        return httpx2.Response(
            exchange.status,
            headers=arrivals.decompressing(headers),
            stream=_ReplayedStream(exchange, arrivals, timeout_s),
            extensions={"http_version": b"HTTP/1.1", EXTENSION: arrivals},
        )

    def _models(self) -> dict[str, object]:
        recorded = (exchange.model for exchange in self._recording.exchanges)
        names = dict.fromkeys([*self._recording.header.models.values(), *filter(None, recorded)])
        data = [{"id": name, "object": "model", "created": 0, "owned_by": ""} for name in names]
        return {"object": "list", "data": data}

    def _why_not(self, asked: Asked) -> str:
        exchanges, path = self._recording.exchanges, self._recording.path
        said = f"{asked.method} {asked.path}" + (f" to {asked.model!r}" if asked.model else "")
        same = sum(exchange.identity == asked.identity for exchange in exchanges)
        if same:
            return (
                f"{said} was recorded {same} time(s) in {path}, and all have been given out. Ask "
                "no more often than the recorded run did, or connect anew to start over."
            )
        alike = [e for e in exchanges if (e.method, e.path) == (asked.method, asked.path)]
        why = "None asks for this path."
        if alike:
            nearest = min(alike, key=lambda exchange: len(exchange.differences(asked)))
            fields = ", ".join(nearest.differences(asked))
            why = f"The nearest differs in {fields}: a prompt, the seed or a parameter has changed."
        return (
            f"{said} was not recorded in {path}, which holds {len(exchanges)} exchange(s). {why} "
            "Run the code as it was recorded, or record again with connect(URL, record=FILE)."
        )


class _ReplayedStream(httpx2.AsyncByteStream):
    """The recorded pieces, each at its instant, also for a reader that comes late."""

    def __init__(self, exchange: Exchange, arrivals: Arrivals, timeout_s: float | None) -> None:
        self._exchange = exchange
        self._arrivals = arrivals
        self._timeout_s = timeout_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        exchange, arrivals = self._exchange, self._arrivals
        try:
            for offset_s, data in exchange.pieces():
                at = elapsed_s(0.0, arrivals.sent_at + offset_s)
                await self._wait_until(at)
                if unpacked := arrivals.add(at, data):
                    yield unpacked
            ended_at = elapsed_s(0.0, arrivals.sent_at + _end_s(exchange))
            await self._wait_until(ended_at)
            arrivals.ended_at = ended_at
            if error := exchange.error():
                raise error
        finally:
            if arrivals.ended_at is None:
                arrivals.ended_at = asyncio.get_running_loop().time()

    async def _wait_until(self, at: float) -> None:
        wait_s = at - asyncio.get_running_loop().time()
        if self._timeout_s is not None and wait_s > self._timeout_s + _SLACK_S:
            await asyncio.sleep(self._timeout_s)
            raise httpx2.ReadTimeout(f"No bytes for {self._timeout_s:g} s.")
        await asyncio.sleep(wait_s)


def _end_s(exchange: Exchange) -> float:
    return exchange.ended_s + (LEAVE_WITHIN_S if exchange.ending == LEFT else 0.0)
