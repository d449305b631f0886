"""The mock endpoint over HTTP: in this process, or in one of its own."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from labtools.errors import ConfigurationError, EndpointUnreachable
from labtools.latency_model import LatencyProfile

START_TIMEOUT_S = 60
# uvicorn's usual loop accepts one connection a turn from each listening socket. Under load a turn
# takes milliseconds, and a crowd of new clients would wait for seconds.
_LISTENERS = 1 if sys.platform == "win32" else 16


def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve `app` until interrupted; prints its address when it answers. Port 0: any free one.

    Raises ConfigurationError when the address cannot be used.
    """
    try:
        if not 0 <= port <= 65535:
            raise OSError("a port is a number from 0 to 65535")
        listening = socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error}. Choose another port, or 0 for any free one."
        ) from None
    config = uvicorn.Config(
        app,
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
        print(f"Serving on http://{host}:{port}/v1 (stop with Ctrl-C)", flush=True)


class ServerProcess:
    """The mock endpoint in a process of its own, so that client and server share no loop.

    The process ends with `stop`, and also when this process ends for whatever reason: it watches
    its standard input.
    """

    def __init__(self, profiles: Mapping[str, LatencyProfile], seed: int = 0) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump({name: asdict(profile) for name, profile in profiles.items()}, file)
        command = [sys.executable, "-m", "labtools", "serve", "--profiles", file.name]
        self._process = subprocess.Popen(
            [*command, "--port", "0", "--seed", str(seed), "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C goes to every process of a session. It is meant for the lab's coroutine.
            start_new_session=True,
        )
        try:
            self.base_url = self._read_address()
        finally:
            Path(file.name).unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The process's id, for who measures what it costs."""
        return self._process.pid

    def stop(self) -> None:
        """End the process. A second call does nothing."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        self._process.terminate()
        self._process.wait()

    def _read_address(self) -> str:
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.append(self._first_line()), daemon=True)
        reader.start()
        reader.join(START_TIMEOUT_S)
        line = said[0] if said else ""
        if not line.startswith("Serving on "):
            self._process.kill()
            raise EndpointUnreachable(
                f"The mock server did not start within {START_TIMEOUT_S} s. It said: {line!r}. "
                "Try `python -m labtools serve` by hand to see why."
            )
        return line.split()[2]

    def _first_line(self) -> str:
        assert self._process.stdout
        first = self._process.stdout.readline()
        return first if first.startswith("Serving on ") else first + self._process.stdout.read()


def stop_when_stdin_closes() -> None:
    """End this process once whoever holds the other end of its standard input is gone."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
