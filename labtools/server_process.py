"""A server in a process of its own: it says where it serves, and ends with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from labtools.errors import EndpointUnreachable

START_TIMEOUT_S = 60
_ANNOUNCEMENT = "Serving on "


def announce(host: str, port: int) -> None:
    """Say on standard output, in one line, that the server answers, and where."""
    print(f"{_ANNOUNCEMENT}http://{host}:{port}/v1 (stop with Ctrl-C)", flush=True)


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
