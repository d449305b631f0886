"""What the mock refuses over HTTP before a request is one: endless heads, and pages of other sites.

Any page that a browser shows may send requests to this machine, and a name of another site may be
made to lead here. A browser says where it believes to be (`Host`) and whose page asks (`Origin`).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labtools.mock.metronome import CONNECTION
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
