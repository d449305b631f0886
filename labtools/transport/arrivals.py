"""When a response's bytes arrived, stamped in the transport and read afterwards.

Parsing a chunk takes longer than receiving it. A stopwatch around the parser measures the
parser, above all when many streams share one process. So the transport writes down (instant,
bytes) as they come, and whoever wants to know looks later.

A call's time begins when its first byte is handed to an open connection. What making the
connection took is apart, in `connect_s`: an agent makes one connection and calls over it many
times, and benchmark tools leave it out of TTFT for the same reason.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx2

from labtools.records import TokenCount
from labtools.wire.sse import is_last

READS_AFTERWARDS: ContextVar[bool] = ContextVar("reads_afterwards", default=False)
"""Whether whoever sends a request reads its answer when all of it is there."""

# Where a response carries its arrivals: response.extensions[EXTENSION].
EXTENSION = "labtools.arrivals"


LARGEST_BODY = 64 * 2**20
"""Bytes of an answer. The longest that a model writes takes a tenth of it."""

_COMPRESSED = {b"gzip", b"x-gzip", b"deflate"}
_TAIL = 64

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Arrivals:
    """One request: when it was sent, and the body's pieces with the instants of their arrival."""

    sent_at: float
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    ended_at: float | None = None
    """None until the body has ended or failed."""
    connect_s: float = 0.0
    """What making the connection took, before `sent_at`; 0 when an open one was used."""
    complete: asyncio.Event | None = None
    """Set with `ended_at` or `done` by a transport that receives without being read from."""
    done: bool = False
    """Whether `[DONE]` has come: the answer is whole, even if the body goes on."""
    counted: TokenCount | None = None
    """The tokens that the answer says it took, once somebody has read it."""
    _inflate: Inflate | None = None
    _size: int = 0

    def decompressing(self, headers: Headers) -> Headers:
        """Know from the headers how the body is packed; returns those of the unpacked one."""
        names = {name.lower(): value for name, value in headers}
        if names.get(b"content-encoding", b"").strip().lower() not in _COMPRESSED:
            return headers
        self._inflate = Inflate()
        packing = (b"content-encoding", b"content-length")
        return [(name, value) for name, value in headers if name.lower() not in packing]

    def add(self, at: float, data: bytes) -> bytes:
        """Take a piece of the body; returns it unpacked. Raises httpx2.RequestError."""
        if self._inflate:
            data = self._inflate(data)
        self._size += len(data)
        if self._size > LARGEST_BODY:
            raise httpx2.RemoteProtocolError(
                f"The answer is longer than {LARGEST_BODY // 2**20} MiB; it was left there."
            )
        if data:
            self.chunks.append((at, data))
            if data.rstrip().endswith(b"]") and not self.done:
                tail = b"".join(data for _, data in self.chunks[-_TAIL:])
                self.done = is_last((b"\n" + tail)[-_TAIL:])
                if self.done and self.complete:
                    self.complete.set()
        return data

    def extend(self, parts: list[tuple[float, bytes]]) -> None:
        """Take pieces of a body that is not packed, of which only the last can end it."""
        *most, last = parts
        self.chunks += [part for part in most if part[1]]
        self.add(*last)


class Inflate:
    """A decompressor of gzip and deflate that never makes more of a piece than may be kept."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either header
        self._begun = False

    def __call__(self, data: bytes) -> bytes:
        """What the piece unpacks to. Raises httpx2.DecodingError for what is not compressed."""
        parts = []
        while data:
            if self._zlib.eof:  # another member of a gzip file
                self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                parts.append(self._zlib.decompress(data, LARGEST_BODY + 1))
            except zlib.error as error:
                if self._begun:
                    raise httpx2.DecodingError(
                        f"The body cannot be decompressed: {error}"
                    ) from None
                self._begun, self._zlib = True, zlib.decompressobj(-zlib.MAX_WBITS)  # no header
                continue
            self._begun = True
            data = self._zlib.unused_data
        return b"".join(parts)


class Around(httpx2.AsyncBaseTransport):
    """A transport that passes requests on to the one inside, and does something on the way."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        await self._inner.aclose()


class StampingTransport(Around):
    """Any transport, with each response's arrivals written down when its reader gets them.

    On a network transport that yields bytes as they come, an instant is late by whatever else
    the loop has to do: good for one stream, poor for many. `HttpTransport` does better.
    """

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        time = asyncio.get_running_loop().time
        arrivals = Arrivals(time())
        connecting_at: float | None = None

        async def watch(event: str, _: dict[str, Any]) -> None:
            # httpx2's network transports say when they connect, and when the connection stands.
            nonlocal connecting_at
            if event.endswith("connect_tcp.started"):
                connecting_at = time()
            elif event.endswith("send_request_headers.started"):
                arrivals.sent_at = time()
                if connecting_at is not None:
                    arrivals.connect_s = arrivals.sent_at - connecting_at

        # The arrivals must be the answer's bytes, not those of a compressed copy.
        request.headers["accept-encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": watch}
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            response.status_code,
            headers=arrivals.decompressing(response.headers.raw),
            stream=_StampedStream(response.stream, arrivals),
            extensions={**response.extensions, EXTENSION: arrivals},
        )


class _StampedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, arrivals: Arrivals) -> None:
        self._inner = inner
        self._arrivals = arrivals

    async def __aiter__(self) -> AsyncIterator[bytes]:
        time = asyncio.get_running_loop().time
        try:
            async for chunk in self._inner:
                if data := self._arrivals.add(time(), chunk):
                    yield data
        finally:
            self._arrivals.ended_at = time()

    async def aclose(self) -> None:
        await self._inner.aclose()


def at_once(status: int, body: bytes) -> httpx2.Response:
    """A JSON answer that nobody had to be asked for, with its arrivals."""
    now = asyncio.get_running_loop().time()
    return httpx2.Response(
        status,
        headers={"content-type": "application/json"},
        content=body,
        extensions={EXTENSION: Arrivals(now, [(now, body)], ended_at=now)},
    )
