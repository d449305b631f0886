"""The mock endpoint over HTTP: in this process, or in one of its own; what is refused before a
request is one, endless heads and pages of other sites; and the metronome that writes its streams.

Any page that a browser shows may send requests to this machine, and a name of another site may be
made to lead here. A browser says where it believes to be (`Host`) and whose page asks (`Origin`).
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import json
import math
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from heapq import heappop, heappush, heapreplace
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labtools.clock import monotonic_s
from labtools.model.profile import LatencyProfile
from labtools.server_process import OwnedServer, announce, listen
from labtools.transport.in_process import STREAM, Due
from labtools.wire.api_error import ApiError

LARGEST_HEAD_BYTES = 64 * 2**10


def is_loopback(name: str | None) -> bool:
    """Whether a host's name or address can only mean this machine."""
    name = (name or "").rstrip(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def loopback_only(app: ASGIApp) -> ASGIApp:
    """The application for those who call it by a loopback name, and for pages of such alone."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        answer = app
        if scope["type"] == "http" and (refused := _foreign(Headers(scope=scope))):
            name, value = refused
            error = ApiError(
                403,
                f"The mock answers this machine alone, and {name} is {value!r:.200}. Allowed: "
                "localhost, 127.0.0.1, [::1]. Serve with --host 0.0.0.0 to answer others too.",
            )
            answer = Response(error.body(), error.status, media_type="application/json")
        await answer(scope, receive, send)

    return application


def _foreign(headers: Headers) -> tuple[str, str] | None:
    for name, url in (("Host", "//{}"), ("Origin", "{}")):
        for value in headers.getlist(name):
            try:
                host = urlsplit(url.format(value)).hostname
            except ValueError:
                host = None
            if not is_loopback(host):
                return name, value
    return None


class GuardedProtocol(HttpToolsProtocol):
    """HTTP with a bound on what comes around bodies: uvicorn's faster parser has none."""

    _around_bytes = 0
    _begins = False

    def on_message_begin(self) -> None:
        self._begins = True
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: {"protocol": self}}

    def on_body(self, body: bytes) -> None:
        self._around_bytes -= len(body)
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        if self._around_bytes > LARGEST_HEAD_BYTES:
            return  # refused, and closing
        super().data_received(data)
        # Of what came in one piece with its beginning, some may belong to the message before.
        self._around_bytes = 0 if self._begins else self._around_bytes + len(data)
        self._begins = False
        if self._around_bytes > LARGEST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"A head has at most {LARGEST_HEAD_BYTES} bytes here.")


CONNECTION = "labtools.connection"
"""In a request's extensions: the uvicorn protocol that it came by."""

# Rings are this far apart at least, so that many streams share the cost of one; and as long as the
# last one took, so that a server with more to do than it can writes several tokens at once.
APART_S = 0.001

# A stream, its connection, and whom to tell: the last part, or None when nothing more fits in.
_Written = asyncio.Future[bytes | None]
_Entry = tuple[float, int, Due, HttpToolsProtocol, _Written]


class Metronome:
    """One timer for all streams, which writes what is due: at its instant or later, never earlier.

    A stream's parts go to its connection from the timer itself: no task wakes for a token. The last
    part goes the ordinary way, since the server ends the response with it.
    """

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


def on_time(app: ASGIApp) -> ASGIApp:
    """The application, its streams written by one metronome over uvicorn's connections."""
    metronome = Metronome()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        connection = scope.get("extensions", {}).get(CONNECTION)
        if connection is None:
            return await app(scope, receive, send)

        async def sending(message: Message) -> None:
            if stream := message.pop(STREAM, None):
                message["body"] = await metronome.write(stream, connection["protocol"])
                message["more_body"] = not stream.over
            await send(message)

        scope["extensions"][STREAM] = {}
        await app(scope, receive, sending)

    return application


# uvicorn's usual loop accepts one connection a turn from each listening socket. Under load a turn
# takes milliseconds, and a crowd of new clients would wait for seconds.
_LISTENERS = 1 if sys.platform == "win32" else 16


def guarded(app: ASGIApp, *, loopback: bool = True) -> uvicorn.Config:
    """How an application is served here; on loopback it is for this machine alone."""
    return uvicorn.Config(
        loopback_only(app) if loopback else app,
        http=GuardedProtocol,
        log_level="critical",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=75,
        # A stream may take minutes; whoever stops the server does not want to wait for it.
        timeout_graceful_shutdown=1,
    )


def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve `app` until interrupted; prints its address when it answers. Port 0: any free one.

    Raises ConfigurationError when the address cannot be used.
    """
    listening = listen(host, port, backlog=2048)
    config = guarded(on_time(app), loopback=is_loopback(host))
    # What start-up left behind is never garbage, and a token that waits for a collection is late.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    listeners = [listening, *(listening.dup() for _ in range(_LISTENERS - 1))]
    _AnnouncingServer(config).run(sockets=listeners)


class _AnnouncingServer(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        announce(host, port)


class ServerProcess(OwnedServer):
    """The mock endpoint in a process of its own, so that client and server share no loop."""

    def __init__(self, profiles: Mapping[str, LatencyProfile], seed: int = 0) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump({name: asdict(profile) for name, profile in profiles.items()}, file)
        try:
            super().__init__("serve", "--profiles", file.name, "--port", "0", "--seed", str(seed))
        finally:
            Path(file.name).unlink(missing_ok=True)
