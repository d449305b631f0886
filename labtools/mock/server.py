"""The mock endpoint over HTTP: in this process, or in one of its own; and what is refused before a
request is one: endless heads, and pages of other sites.

Any page that a browser shows may send requests to this machine, and a name of another site may be
made to lead here. A browser says where it believes to be (`Host`) and whose page asks (`Origin`).
"""

from __future__ import annotations

import gc
import ipaddress
import json
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labtools.mock.metronome import CONNECTION, OnTime
from labtools.model.profile import LatencyProfile
from labtools.server_process import OwnedServer, announce, listen
from labtools.wire.api_error import ApiError

LARGEST_HEAD_BYTES = 64 * 2**10


def is_loopback(name: str | None) -> bool:
    """Whether a host's name or address can only mean this machine."""
    name = (name or "").rstrip(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


class LoopbackOnly:
    """An application for those who call it by a loopback name, and for pages of such alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := _foreign(Headers(scope=scope))):
            name, value = refused
            error = ApiError(
                403,
                f"The mock answers this machine alone, and {name} is {value!r:.200}. Allowed: "
                "localhost, 127.0.0.1, [::1]. Serve with --host 0.0.0.0 to answer others too.",
            )
            response = Response(error.body(), error.status, media_type="application/json")
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


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


# uvicorn's usual loop accepts one connection a turn from each listening socket. Under load a turn
# takes milliseconds, and a crowd of new clients would wait for seconds.
_LISTENERS = 1 if sys.platform == "win32" else 16


def guarded(app: ASGIApp, *, loopback: bool = True) -> uvicorn.Config:
    """How an application is served here; on loopback it is for this machine alone."""
    return uvicorn.Config(
        LoopbackOnly(app) if loopback else app,
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
    app = OnTime(app)
    config = guarded(app, loopback=is_loopback(host))
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
