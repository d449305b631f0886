"""The wall clock's transport: an OpenAI client's requests over HTTP/1.1, stamped exactly.

httpx2's own transport parses in Python, in the task that reads. With 32 streams in one process
that delays every instant by what the other 31 cost. Here httptools parses, and instants are taken
before any reader runs (see `http_connection`).

What it does not do: proxies (`network_transport` picks httpx2's transport for those), HTTP/2,
upgrades. It never retries and sets no limit on connections: a request never waits for another.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import urllib.request
from collections import defaultdict

import httpx2

from labtools.clock import must_run_on
from labtools.errors import ConfigurationError
from labtools.redaction import without_credentials
from labtools.transport.arrivals import EXTENSION, Around, StampingTransport
from labtools.transport.http_connection import Connection

# Many servers close a connection after 5 idle seconds. A client that drops it before never
# sends into one that is just being closed.
KEEP_IDLE_S = 4.0

_MOST_REDIRECTS = 5
_Origin = tuple[str, str, int]
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LINE_BREAK = re.compile(rb"[\r\n\0]")


def network_transport(url: str) -> httpx2.AsyncBaseTransport:
    """The transport for `url`: `HttpTransport`, or httpx2's own if the environment has a proxy.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY count, as with any other tool. Raises
    ConfigurationError for a proxy that cannot be used.
    """
    target = httpx2.URL(url)
    proxies = urllib.request.getproxies()
    scheme = target.scheme if proxies.get(target.scheme) else "all"
    proxy = proxies.get(scheme)
    if not proxy or urllib.request.proxy_bypass(target.host):
        return HttpTransport()
    upper = f"{scheme.upper()}_PROXY"
    variable = upper.lower() if upper.lower() in os.environ else upper
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    shown = without_credentials(proxy)
    try:
        return StampingTransport(_Proxied(httpx2.AsyncHTTPTransport(proxy=proxy), variable, shown))
    except (ValueError, httpx2.InvalidURL):
        why = f"it begins with {proxy.partition('://')[0]}://"
    except ImportError:
        why = "SOCKS needs the package socksio, which is not installed"
    raise ConfigurationError(
        f"The environment's {variable} names the proxy {shown}, which cannot be used: {why}. "
        f"Allowed: http://HOST:PORT and https://HOST:PORT. Change {variable}, unset it, or set "
        f"NO_PROXY={target.host} to go without."
    )


class _Proxied(Around):
    """httpx2's transport through a proxy, whose failures name the proxy."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, variable: str, proxy: str) -> None:
        super().__init__(inner)
        self._route = f"the proxy {proxy}, which {variable} names"

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await self._inner.handle_async_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            said = str(error) or type(error).__name__
            raise httpx2.ProxyError(f"No way through {self._route}: {said}") from error


class RedirectingTransport(Around):
    """Any transport that gives responses their arrivals, with redirects on the same host followed.

    The call begins when it was first sent. Another host, or the same one without TLS, is not
    asked: it would get the key. Its answer then is the redirect, whose `location` names it.
    """

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        response = await self._inner.handle_async_request(request)
        sent_at = response.extensions[EXTENSION].sent_at
        for _ in range(_MOST_REDIRECTS):
            moved = _followed(request, response)
            if moved is None:
                break
            await response.aclose()
            headers = httpx2.Headers(request.headers)
            headers["host"] = moved.netloc.decode()
            request = httpx2.Request(
                request.method, moved, headers=headers, content=body, extensions=request.extensions
            )
            response = await self._inner.handle_async_request(request)
            response.extensions[EXTENSION].sent_at = sent_at
        return response


def _followed(request: httpx2.Request, response: httpx2.Response) -> httpx2.URL | None:
    """Where to ask instead; None for an answer, and for what must not be followed."""
    same_method = response.status_code in (307, 308) or request.method == "GET"
    if not (response.has_redirect_location and same_method):
        return None
    try:
        moved = request.url.join(response.headers["location"])
    except (httpx2.InvalidURL, ValueError):
        return None
    safe = moved.scheme == "https" or moved.scheme == request.url.scheme
    return moved if safe and moved.host == request.url.host else None


class HttpTransport(httpx2.AsyncBaseTransport):
    """HTTP/1.1 over TCP or TLS, with kept-alive connections, for one event loop.

    A response's `extensions["labtools.arrivals"]` has its `Arrivals`. Failures are httpx2's:
    ConnectError, ConnectTimeout, WriteTimeout, ReadTimeout, ReadError, RemoteProtocolError,
    LocalProtocolError, UnsupportedProtocol.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._ssl_context = ssl_context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: set[Connection] = set()
        self._idle: dict[_Origin, list[Connection]] = defaultdict(list)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request and wait for the response's head; its body is yet to come."""
        loop = asyncio.get_running_loop()
        must_run_on(self._loop or loop)
        self._loop = loop
        body = await request.aread()
        message = _head(request, body) + body
        timeouts = request.extensions.get("timeout", {})
        origin = _origin(request.url)
        connect_s = 0.0
        connection = self._idle_connection(origin)
        if connection is None:
            asked_at = loop.time()
            connection = await self._connect(origin, timeouts.get("connect"))
            connect_s = loop.time() - asked_at
        exchange = connection.send(message, timeouts, has_body=request.method != "HEAD")
        exchange.arrivals.connect_s = connect_s
        try:
            await exchange.head()
        except BaseException:
            await exchange.aclose()
            raise
        assert exchange.status is not None
        return httpx2.Response(
            exchange.status,
            headers=exchange.headers,
            stream=exchange,
            extensions={"http_version": b"HTTP/1.1", EXTENSION: exchange.arrivals},
        )

    async def aclose(self) -> None:
        """Close every connection; what is under way fails with ReadError."""
        connections = list(self._open)
        for connection in connections:
            connection.abandon()
        await asyncio.gather(*(connection.closed for connection in connections))

    def _idle_connection(self, origin: _Origin) -> Connection | None:
        assert self._loop
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            idle_s = self._loop.time() - connection.idle_since
            if idle_s < KEEP_IDLE_S and connection.is_reusable():
                return connection
            connection.abandon()
        return None

    async def _connect(self, origin: _Origin, timeout_s: float | None) -> Connection:
        scheme, host, port = origin
        idle = self._idle[origin]
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(idle.append),
                    host,
                    port,
                    ssl=self._tls() if scheme == "https" else None,
                    happy_eyeballs_delay=0.25,
                )
        except TimeoutError:
            limit = "the system's limit" if timeout_s is None else f"{timeout_s:g} s"
            raise httpx2.ConnectTimeout(f"No connection to {host}:{port} within {limit}.") from None
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError(str(error) or type(error).__name__) from error

        def forget(_: object) -> None:
            self._open.discard(connection)
            if connection in idle:
                idle.remove(connection)

        self._open.add(connection)
        connection.closed.add_done_callback(forget)
        return connection

    def _tls(self) -> ssl.SSLContext:
        """httpx2's default trust, made on first use: reading the certificates takes a while."""
        if self._ssl_context is None:
            self._ssl_context = httpx2.create_ssl_context()
        self._ssl_context.set_alpn_protocols(["http/1.1"])
        return self._ssl_context


def _origin(url: httpx2.URL) -> _Origin:
    if url.scheme not in _DEFAULT_PORTS or not url.host:
        raise httpx2.UnsupportedProtocol(f"Not an http:// or https:// address: {url}")
    return url.scheme, url.host, url.port or _DEFAULT_PORTS[url.scheme]


def _head(request: httpx2.Request, body: bytes) -> bytes:
    """The request line and headers. The body goes out whole, whatever the client meant to do."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    for name, value in request.headers.raw:
        key = name.lower()
        if _LINE_BREAK.search(name + value):
            # The value stays out of the message: it may be a key.
            raise httpx2.LocalProtocolError(f"The header {key!r} holds a line break.")
        if key == b"transfer-encoding":
            name, value = b"content-length", b"%d" % len(body)
        if key != b"accept-encoding":
            lines.append(name + b": " + value)
    # The arrivals must be the answer's bytes, not those of a compressed copy.
    return b"\r\n".join([*lines, b"accept-encoding: identity", b"", b""])
