"""Streamed calls over gevent's sockets, stamped as the bytes arrive. For Locust's process only.

Locust's own HTTP clients hand a stream on in blocks of a set size, and skip the check of TLS
certificates. So this takes the layer below: geventhttpclient's connection pool and parser.
"""

from __future__ import annotations

import weakref
from typing import Any
from urllib.parse import urlsplit

from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse

from labtools.clock import monotonic_s
from labtools.lab.stopwatch import retry_after_s
from labtools.records import CallError
from labtools.transport.arrivals import Arrivals
from labtools.wire.api_error import message_of

# A request never waits for another's connection: an open loop has as many as it needs.
MOST_CONNECTIONS = 100_000
CONNECT_TIMEOUT_S = 10.0


class Connections:
    """Kept-alive connections to one endpoint, shared by the greenlets of a process."""

    def __init__(self, base_url: str, api_key: str, timeout_s: float) -> None:
        url = urlsplit(base_url)
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        kind = SSLConnectionPool if url.scheme == "https" else ConnectionPool
        self._pool = kind(
            host,
            port,
            host,
            port,
            size=MOST_CONNECTIONS,
            connection_timeout=min(CONNECT_TIMEOUT_S, timeout_s),
            network_timeout=timeout_s,
        )
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        # The arrivals must be the answer's bytes, not those of a compressed copy.
        self._head = (
            f"POST {url.path.rstrip('/')}/chat/completions HTTP/1.1\r\n"
            f"host: {url.netloc}\r\n"
            f"authorization: Bearer {api_key}\r\n"
            "content-type: application/json\r\n"
            "accept: text/event-stream\r\n"
            "accept-encoding: identity\r\n"
        ).encode()

    def post(self, body: bytes) -> tuple[Arrivals, CallError | None]:
        """Send one request and receive its answer. What fails is returned, not raised."""
        arrivals = Arrivals(monotonic_s())
        response: _Stamped | None = None
        error: CallError | None = None
        try:
            connection = self._connection(arrivals)
            connection.sendall(self._head + b"content-length: %d\r\n\r\n" % len(body) + body)
            response = _Stamped(connection, self._pool, arrivals)
            response.read()
        except TimeoutError as failure:
            error = CallError("timeout", str(failure) or "no byte in time")
        except (OSError, HTTPParseError) as failure:
            begun = response is not None or arrivals.chunks
            error = CallError("cut_off" if begun else "connection", str(failure))
        else:
            if response.status_code != 200:
                error = _status_error(response, arrivals)
        arrivals.ended_at = monotonic_s()
        return arrivals, error

    def _connection(self, arrivals: Arrivals) -> Any:
        connection = self._pool.get_socket()
        asked_at, arrivals.sent_at = arrivals.sent_at, monotonic_s()
        if connection not in self._known:
            self._known.add(connection)
            arrivals.connect_s = arrivals.sent_at - asked_at
        return connection


class _Stamped(HTTPSocketPoolResponse):
    """The pool's response, whose parser calls `_on_body` with each piece as it is received."""

    def __init__(self, connection: Any, pool: ConnectionPool, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        super().__init__(connection, pool, method="POST", block_size=65_536)

    def _on_body(self, buf: bytearray) -> None:
        self._arrivals.chunks.append((monotonic_s(), bytes(buf)))


def _status_error(response: _Stamped, arrivals: Arrivals) -> CallError:
    body = b"".join(chunk for _, chunk in arrivals.chunks)
    arrivals.chunks.clear()  # They are no stream.
    wait = response.get("retry-after")
    return CallError(
        "status",
        message_of(response.status_code, body),
        response.status_code,
        retry_after_s(wait if isinstance(wait, str) else None),
    )
