"""One HTTP/1.1 connection that stamps bytes the moment they arrive.

asyncio calls a protocol's `data_received` before any task runs again. An instant taken there is
late by no more than the other sockets that became readable at once, however busy the readers
are. Nobody needs to be woken for it: a reader that wants the whole answer sleeps until the end.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import AsyncIterator, Callable, Mapping

import httptools
import httpx2

from labtools.transport.arrivals import Arrivals, Headers

# What no answer needs, and an endpoint that never ends would take.
LARGEST_HEAD = 2**20
LONGEST_CALL_S = 3600.0


class Exchange(httpx2.AsyncByteStream):
    """One request and its response: a connection fills it, a reader iterates over it."""

    def __init__(self, connection: Connection, sent_at: float) -> None:
        self.status: int | None = None
        self.headers: Headers = []
        self.arrivals = Arrivals(sent_at, complete=asyncio.Event())
        self._connection = connection
        self._error: httpx2.RequestError | None = None
        self._read = 0
        self._reader: asyncio.Future[None] | None = None

    async def head(self) -> None:
        """Wait for the response's status and headers. Raises httpx2.RequestError."""
        while self.status is None and self.arrivals.ended_at is None:
            await self._progress()
        if self.status is None and self._error:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body: whatever has arrived and was not read yet, in one piece."""
        while True:
            unread = self.arrivals.chunks[self._read :]
            if unread:
                self._read += len(unread)
                yield b"".join([data for _, data in unread])
            elif self.arrivals.ended_at is None:
                await self._progress()
            elif self._error:
                raise self._error
            else:
                return

    async def aclose(self) -> None:
        """Close the connection if the response is still under way."""
        if self.arrivals.ended_at is None:
            self._connection.abandon()

    def wake(self) -> None:
        """Something has come."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def end(self, at: float, error: httpx2.RequestError | None) -> None:
        """Nothing more will come."""
        self._error = error
        self.arrivals.ended_at = at
        assert self.arrivals.complete
        self.arrivals.complete.set()
        self.wake()

    async def _progress(self) -> None:
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time. `on_idle` gets it back for the next one."""

    def __init__(self, on_idle: Callable[[Connection], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed = self._loop.create_future()
        self.idle_since = 0.0
        self._on_idle = on_idle
        self._parser = httptools.HttpResponseParser(self)
        self._busy = False
        self._has_body = self._ends_with_close = self._keep_alive = False
        self._progress_at = 0.0
        self._head_size = 0
        self._timer: asyncio.TimerHandle | None = None

    def send(
        self, request: bytes, timeouts: Mapping[str, float | None], *, has_body: bool = True
    ) -> Exchange:
        """Send a whole request. `has_body` says whether its answer has one (HEAD: no)."""
        self._busy, self._has_body, self._ends_with_close = True, has_body, False
        self._head_size = 0
        self._write_timeout_s = timeouts.get("write")
        self._read_timeout_s = timeouts.get("read")
        self._exchange = Exchange(self, self._loop.time())
        self._transport.write(request)
        self._progress_at = self._loop.time()
        self._watch()
        return self._exchange

    def is_reusable(self) -> bool:
        """Whether the server has left the idle connection open and silent.

        Asks the socket: the loop may not have run since the server closed it.
        """
        if self._transport.is_closing():
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(self._transport.get_extra_info("socket"), selectors.EVENT_READ)
            return not selector.select(0)

    def abandon(self) -> None:
        """Close at once, whatever is under way."""
        if self._busy:
            self._finish(self._loop.time(), httpx2.ReadError("The response was closed."))
        self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS included."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # So that any unsent byte counts as writing, and its end is told.
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        """Take the instant, then look at what came."""
        self._progress_at = self._loop.time()
        if self._busy and self._exchange.status is None:
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                kibibytes = LARGEST_HEAD // 2**10
                self._fail(httpx2.RemoteProtocolError(f"More than {kibibytes} KiB of headers."))
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(httpx2.RemoteProtocolError(f"Not an HTTP/1.1 response: {error}"))

    def resume_writing(self) -> None:
        """The request is out; from now on the clock runs for the response."""
        self._progress_at = self._loop.time()
        self._watch()

    def connection_lost(self, error: Exception | None) -> None:
        """The end of a response without a length; for any other a failure."""
        if self._busy:
            if error:
                self._fail(httpx2.ReadError(str(error) or type(error).__name__))
            elif self._ends_with_close:
                self._finish(self._loop.time())
            else:
                status = self._exchange.status
                part = "sending a response" if status is None else "its response was complete"
                self._fail(httpx2.RemoteProtocolError(f"The server disconnected before {part}."))
        self.closed.set_result(None)

    # What httptools calls

    def on_message_begin(self) -> None:
        """A response begins, or something that is none."""
        if not self._busy:
            raise ValueError("bytes that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._exchange.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status, headers = self._parser.get_status_code(), self._exchange.headers
        if status < 200:  # 100 Continue and its like come before the response
            headers.clear()
            return
        self._keep_alive = self._parser.should_keep_alive()
        framing = (b"content-length", b"transfer-encoding")
        self._ends_with_close = not any(name.lower() in framing for name, _ in headers)
        self._exchange.headers = self._exchange.arrivals.decompressing(headers)
        self._exchange.status = status
        self._exchange.wake()
        if not self._has_body:
            self._keep_alive = False  # the parser waits for a body that will not come
            self._finish(self._progress_at)

    def on_body(self, body: bytes) -> None:
        """A part of the body, at the instant at which its bytes came."""
        if self._busy:
            try:
                self._exchange.arrivals.add(self._progress_at, body)
            except httpx2.RequestError as error:
                self._fail(error)
            else:
                self._exchange.wake()

    def on_message_complete(self) -> None:
        if self._busy and self._exchange.status is not None:
            self._finish(self._progress_at)

    # The exchange's end, and the timer that enforces it

    def _fail(self, error: httpx2.RequestError) -> None:
        if self._busy:
            self._finish(self._loop.time(), error)
        self._transport.abort()

    def _finish(self, at: float, error: httpx2.RequestError | None = None) -> None:
        self._busy = False
        self._watch()
        self._exchange.end(at, error)
        if error or not self._keep_alive or self._transport.get_write_buffer_size():
            self._transport.abort()
        elif not self._transport.is_closing():
            self.idle_since = at
            self._on_idle(self)

    def _watch(self) -> None:
        """Time out when there is no progress; one timer a request, not one a chunk."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._busy:
            return
        writing = self._transport.get_write_buffer_size() > 0
        limit_s = self._write_timeout_s if writing else self._read_timeout_s
        silent_until = math.inf if limit_s is None else self._progress_at + limit_s
        ends_at = self._exchange.arrivals.sent_at + LONGEST_CALL_S
        due_at = min(silent_until, ends_at)
        if self._loop.time() < due_at:
            self._timer = self._loop.call_at(due_at, self._watch)
        elif due_at == ends_at:
            self._fail(httpx2.ReadTimeout(f"The answer was not whole after {LONGEST_CALL_S:g} s."))
        elif writing:
            self._fail(httpx2.WriteTimeout(f"The request could not be sent for {limit_s:g} s."))
        else:
            self._fail(httpx2.ReadTimeout(f"No bytes for {limit_s:g} s."))
