"""A transport that hands requests to an ASGI application in the same loop, and streams.

httpx2's own ASGITransport collects the whole body before it returns, so every token would seem
to arrive at the end. This one passes each part on at the instant the application sends it.

When the client goes away in mid-answer the application's task is cancelled, at that instant.

An application that knows when its parts are due need not wait for each: it sends a message with
`STREAM`, and the reader takes what is due. One that watches the clock gets each part at its
instant; one that `reads_afterwards` gets all of them at the end, with their instants.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Protocol

import httpx2
from starlette.types import ASGIApp, Message

from labtools.clock import SimLoop, must_run_on
from labtools.transport.arrivals import EXTENSION, READS_AFTERWARDS, Arrivals

CANCELS = "labtools.cancels"
"""In a request's extensions: whoever calls the application cancels it when its client goes."""
STREAM = "labtools.stream"
"""In a request's extensions: its reader takes what is due. In a message: from what it takes it."""


class Due(Protocol):
    """A body whose parts are due at known instants."""

    over: bool
    """Whether it was taken to its end."""

    @property
    def due_at(self) -> float:
        """When there is more; infinite after the last part."""
        ...

    def take(self) -> list[tuple[float, bytes]]:
        """The parts that are due by now and were not taken before."""
        ...


class InProcessTransport(httpx2.AsyncBaseTransport):
    """Requests to `app` on `loop`. No socket, no copy over the network, no buffering.

    A response's `extensions["labtools.arrivals"]` has its `Arrivals`.

    An application that fails or stops in the middle of its answer looks like a server that
    closed the connection. Read timeouts count on the loop's clock.
    """

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        must_run_on(self._loop)
        timeout_s = request.extensions.get("timeout", {}).get("read")
        exchange = _Exchange(self._app, request, await request.aread(), timeout_s)
        status, headers = await exchange.start()
        return httpx2.Response(
            status,
            headers=exchange.arrivals.decompressing(headers),
            stream=exchange,
            extensions={"http_version": b"HTTP/1.1", EXTENSION: exchange.arrivals},
        )


class _Exchange(httpx2.AsyncByteStream):
    """One request and its response: the application on one side, the client on the other."""

    def __init__(
        self, app: ASGIApp, request: httpx2.Request, body: bytes, timeout_s: float | None
    ) -> None:
        self.arrivals = Arrivals(asyncio.get_running_loop().time())
        self._reads_afterwards = READS_AFTERWARDS.get()
        self._request = request
        self._body: bytes | None = body
        self._patience_s = math.inf if timeout_s is None else timeout_s
        self._messages: deque[Message] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._answered = False
        self._finished = False
        self._task = asyncio.create_task(self._run(app))

    async def start(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Wait for the response's status and headers."""
        try:
            message = await self._next()
        except BaseException:
            await self.aclose()
            raise
        return message["status"], list(message.get("headers", []))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        time, arrivals = asyncio.get_running_loop().time, self.arrivals
        try:
            message: Message = {"more_body": True}
            while message.get("more_body"):
                message = await self._next()
                self._answered = not message.get("more_body")
                if body := arrivals.add(time(), message.get("body", b"")):
                    yield body
                if STREAM in message:
                    async for parts in self._taken(message[STREAM]):
                        arrivals.extend(parts)
                        for _, body in () if self._reads_afterwards else parts:
                            yield body
                    if self._reads_afterwards:
                        yield b"".join([body for _, body in arrivals.chunks])
                    return
        finally:
            arrivals.ended_at = time()

    async def _taken(self, stream: Due) -> AsyncIterator[list[tuple[float, bytes]]]:
        """The parts of the stream when they are due, or when the application has ended."""
        time = asyncio.get_running_loop().time
        last_at = time()
        while not stream.over:
            if taken := stream.take():
                last_at = taken[-1][0]
                yield taken
                continue
            if self._finished:
                raise self._broken_off()
            if time() >= last_at + self._patience_s:
                raise self._too_late()
            await self._woken(
                min(
                    last_at + self._patience_s,
                    math.inf if self._reads_afterwards else stream.due_at,
                )
            )

    async def _woken(self, at: float) -> None:
        """Wait until an instant, or until the application says something or ends."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, SimLoop) and loop.skips(at - loop.time()):
            return
        self._arrived = loop.create_future()
        timer = loop.call_at(at, self._wake) if at < math.inf else None
        try:
            await self._arrived
        finally:
            if timer:
                timer.cancel()

    async def aclose(self) -> None:
        """Wait until the application has ended; if it had more to say, end it."""
        if not self._task.done():
            if not self._answered:
                self._task.cancel()
            await asyncio.wait({self._task})

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    async def _send(self, message: Message) -> None:
        self._messages.append(message)
        self._wake()

    async def _run(self, app: ASGIApp) -> None:
        try:
            # Starlette re-raises what it has already answered with a 500; the client has that.
            with suppress(Exception):
                await app(_scope(self._request), self._receive, self._send)
        finally:
            self._finished = True
            self._wake()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def _next(self) -> Message:
        if not self._messages and not self._finished:
            await self._woken(asyncio.get_running_loop().time() + self._patience_s)
        if not self._messages:
            raise self._broken_off() if self._finished else self._too_late()
        return self._messages.popleft()

    def _too_late(self) -> httpx2.ReadTimeout:
        return httpx2.ReadTimeout(f"No bytes for {self._patience_s} s.", request=self._request)

    def _broken_off(self) -> httpx2.RemoteProtocolError:
        return httpx2.RemoteProtocolError(
            "The endpoint closed the connection before its answer was complete.",
            request=self._request,
        )


def _scope(request: httpx2.Request) -> dict[str, Any]:
    return {
        "extensions": {STREAM: {}, CANCELS: {}},
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }
