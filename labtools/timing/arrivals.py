"""When a response's bytes arrived, stamped in the transport and read afterwards.

Parsing a chunk takes longer than receiving it. A stopwatch around the parser measures the
parser, above all when many streams share one process. So the transport writes down (instant,
bytes) as they come, and whoever wants to know looks later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

# Where a response carries its arrivals: response.extensions[EXTENSION].
EXTENSION = "labtools.arrivals"


@dataclass(slots=True)
class Arrivals:
    """One request: when it was sent, and the body's pieces with the instants of their arrival."""

    sent_at: float
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    ended_at: float | None = None
    """None until the body has ended or failed."""


class StampingTransport(httpx2.AsyncBaseTransport):
    """Any transport, with each response's arrivals written down.

    On a network transport that yields bytes as they come, an instant is at most one turn of the
    event loop late.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        arrivals = Arrivals(asyncio.get_running_loop().time())
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_StampedStream(response.stream, arrivals),
            extensions={**response.extensions, EXTENSION: arrivals},
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _StampedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, arrivals: Arrivals) -> None:
        self._inner = inner
        self._arrivals = arrivals

    async def __aiter__(self) -> AsyncIterator[bytes]:
        time = asyncio.get_running_loop().time
        try:
            async for chunk in self._inner:
                self._arrivals.chunks.append((time(), chunk))
                yield chunk
        finally:
            self._arrivals.ended_at = time()

    async def aclose(self) -> None:
        await self._inner.aclose()
