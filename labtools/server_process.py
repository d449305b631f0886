"""A server in a process of its own: it says where it serves, and ends with its owner."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading

from labtools.errors import ConfigurationError, EndpointUnreachable

START_TIMEOUT_S = 60
_ANNOUNCEMENT = "Serving on "
_EVERY_ADDRESS = "0.0.0.0"


def announce(host: str, port: int) -> None:
    """Say on standard output, in one line, that the server answers, and where."""
    # To listen at every address is not to have one that a client could use.
    everywhere = host == _EVERY_ADDRESS
    others = " here, and on other machines at this one's address" if everywhere else ""
    where = f"http://{'127.0.0.1' if everywhere else host}:{port}/v1"
    print(f"{_ANNOUNCEMENT}{where}{others} (stop with Ctrl-C)", flush=True)


def listen(host: str, port: int, backlog: int | None = None) -> socket.socket:
    """A socket that listens there; port 0: any free one.

    Raises ConfigurationError when the address cannot be used, and says which part of it to change.
    """
    try:
        if not 0 <= port <= 65535:
            raise OSError(errno.EACCES, "a port is a number from 0 to 65535")
        return socket.create_server((host, port), backlog=backlog)
    except OSError as error:
        # A name that is unknown has another number on each system.
        change = (
            "port, or 0 for any free one"
            if error.errno in {errno.EADDRINUSE, errno.EACCES}
            else f"host: 127.0.0.1 for this machine alone, {_EVERY_ADDRESS} for others too"
        )
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another {change}."
        ) from None


def stop_when_stdin_closes() -> None:
    """End this process once whoever holds the other end of its standard input is gone."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


class OwnedServer:
    """`python -m labtools COMMAND ... --until-stdin-closes` as a process of its own.

    The command announces its address on standard output. The process ends with `stop`, and also
    when this process ends for whatever reason: it watches its standard input.

    Raises EndpointUnreachable, with what the command said, when it does not serve.
    """

    def __init__(self, command: str, *arguments: str) -> None:
        self._command = command
        self._process = subprocess.Popen(
            [sys.executable, "-m", "labtools", command, *arguments, "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C goes to every process of a session. It is meant for the lab's coroutine.
            start_new_session=True,
        )
        try:
            self.base_url = self._read_address()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The process's id, for who measures what it costs."""
        return self._process.pid

    def stop(self) -> None:
        """End the process. A second call does nothing."""
        self._process.terminate()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def _read_address(self) -> str:
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.append(self._first_line()), daemon=True)
        reader.start()
        reader.join(START_TIMEOUT_S)
        line = said[0] if said else ""
        if not line.startswith(_ANNOUNCEMENT):
            what = "ended before it served" if said else f"did not start within {START_TIMEOUT_S} s"
            raise EndpointUnreachable(
                f"The server {what}. It said: {line.strip()[-500:]!r}. "
                f"Try `python -m labtools {self._command}` by hand to see why."
            )
        return line.split()[2]

    def _first_line(self) -> str:
        assert self._process.stdout
        first = self._process.stdout.readline()
        return first if first.startswith(_ANNOUNCEMENT) else first + self._process.stdout.read()
