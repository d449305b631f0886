"""Serve the built book on loopback: ``python tools/serve.py --port 8000``."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(__file__).parent.parent / "_build" / "html"
LOOPBACK = "127.0.0.1"
PORTS_TRIED = 50


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line in the terminal for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def book_server(directory: Path, port: int) -> ThreadingHTTPServer:
    """A server of `directory` on the first free port from `port` on; port 0 takes any.

    Raises OSError when none of the next 50 ports is free.
    """
    handler = partial(QuietHandler, directory=str(directory))
    candidates = range(port, min(port + PORTS_TRIED, 65536)) if port else range(1)
    for candidate in candidates:
        try:
            return ThreadingHTTPServer((LOOPBACK, candidate), handler)
        except OSError:
            continue
    raise OSError(
        f"no free port from {candidates[0]} to {candidates[-1]}: choose another with PORT="
    )


def address(server: ThreadingHTTPServer) -> str:
    """Where `server` answers, such as ``http://127.0.0.1:8000``."""
    return f"http://{LOOPBACK}:{server.server_address[1]}"


def main() -> int:
    """Serve until interrupted; 1 when there is no book."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="first port to try (8000)")
    port = parser.parse_args().port
    if not (BOOK / "index.html").exists():
        print(f"There is no book in {BOOK}: run make book first.", file=sys.stderr)
        return 1
    with book_server(BOOK, port) as server:
        print(f"The book is at {address(server)} (Ctrl-C stops it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
