"""The mock endpoint over HTTP: in this process, or in one of its own."""

from __future__ import annotations

import gc
import json
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from labtools.mock.http_guard import GuardedProtocol, LoopbackOnly, is_loopback
from labtools.mock.metronome import OnTime
from labtools.model.profile import LatencyProfile
from labtools.server_process import OwnedServer, announce, listen

# uvicorn's usual loop accepts one connection a turn from each listening socket. Under load a turn
# takes milliseconds, and a crowd of new clients would wait for seconds.
_LISTENERS = 1 if sys.platform == "win32" else 16


def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve `app` until interrupted; prints its address when it answers. Port 0: any free one.

    Raises ConfigurationError when the address cannot be used.
    """
    listening = listen(host, port, backlog=2048)
    app = OnTime(app)
    config = uvicorn.Config(
        LoopbackOnly(app) if is_loopback(host) else app,
        http=GuardedProtocol,
        log_level="critical",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=75,
        # A stream may take minutes; whoever stops the server does not want to wait for it.
        timeout_graceful_shutdown=1,
    )
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
