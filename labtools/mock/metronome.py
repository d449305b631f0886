"""The metronome: one timer for all streams of a server, which writes what is due together.

A stream's parts go to its connection from the timer itself: no task wakes for a token. The last
part goes the ordinary way, since the server ends the response with it.
"""

from __future__ import annotations

import asyncio
import math
from heapq import heappop, heappush, heapreplace
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labtools.clock import monotonic_s
from labtools.transport.in_process import STREAM, Due

CONNECTION = "labtools.connection"
"""In a request's extensions: the uvicorn protocol that it came by."""

# Rings are this far apart at least, so that many streams share the cost of one; and as long as the
# last one took, so that a server with more to do than it can writes several tokens at once.
APART_S = 0.001

# A stream, its connection, and whom to tell: the last part, or None when nothing more fits in.
_Written = asyncio.Future[bytes | None]
_Entry = tuple[float, int, Due, HttpToolsProtocol, _Written]


class Metronome:
    """Writes each part of its streams at its instant or a little later, never earlier."""

    def __init__(self) -> None:
        self._due: list[_Entry] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def write(self, stream: Due, connection: HttpToolsProtocol) -> bytes:
        """Write all parts but those of the last instant, which it returns when they are due."""
        loop = asyncio.get_running_loop()
        while True:
            written: _Written = loop.create_future()
            entry = (loop.time(), next(self._numbers), stream, connection, written)
            heappush(self._due, entry)
            if self._due[0] is entry:
                self._ring()
            last = await written
            if last is not None:
                return last
            await connection.flow.drain()

    def _ring(self) -> None:
        began_at, rings_at = monotonic_s(), asyncio.get_running_loop().time()
        while self._due and self._due[0][0] <= rings_at:
            _, number, stream, connection, written = self._due[0]
            due_at = math.inf if written.done() else _write_due(stream, connection, written)
            if due_at < math.inf:
                heapreplace(self._due, (due_at, number, stream, connection, written))
            else:
                heappop(self._due)
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if self._due:
            took_s = monotonic_s() - began_at
            at = max(self._due[0][0], rings_at + max(APART_S, 2 * took_s))
            self._timer = asyncio.get_running_loop().call_at(at, self._ring)


def _write_due(stream: Due, connection: HttpToolsProtocol, written: _Written) -> float:
    """When there is more to write; infinite when somebody waits for `written` or nobody reads."""
    if connection.transport.is_closing():
        return math.inf  # uvicorn says so to the application, which gives up
    if connection.flow.write_paused:
        written.set_result(None)
        return math.inf
    body = b"".join(part for _, part in stream.take())
    if stream.due_at == math.inf:
        written.set_result(body)
    elif body:
        connection.transport.write(b"%x\r\n%s\r\n" % (len(body), body))
    return stream.due_at


class OnTime:
    """An application whose streams are written by one metronome, over uvicorn's connections."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._metronome = Metronome()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = scope.get("extensions", {}).get(CONNECTION)
        if connection is None:
            return await self._app(scope, receive, send)

        async def sending(message: Message) -> None:
            if stream := message.pop(STREAM, None):
                message["body"] = await self._metronome.write(stream, connection["protocol"])
                message["more_body"] = not stream.over
            await send(message)

        scope["extensions"][STREAM] = {}
        await self._app(scope, receive, sending)
