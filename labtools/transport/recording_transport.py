"""A transport that writes down each exchange as it ends (`recording` has the format)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from labtools.clock import elapsed_s
from labtools.redaction import NO_SECRET, Redactor
from labtools.transport.arrivals import EXTENSION, Around, Arrivals
from labtools.transport.recording import COMPLETE, LEFT, Asked, Exchange, Header, append, begin

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
