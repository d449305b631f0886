"""The wall clock's transport over real sockets, against servers that do as they are told."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import threading

import httpx2
import openai
import pytest

from labtools.clock import SimLoop
from labtools.errors import ClockError
from labtools.lab.stopwatch import timed_call
from labtools.transport.arrivals import EXTENSION, StampingTransport
from labtools.transport.http_transport import KEEP_IDLE_S, HttpTransport, network_transport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n"
# Long enough for any machine; a test that gets here has failed.
HANGS_S = 20


class Server:
    """Answers every request with `answer(request, writer)`; keeps what it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                request = await read_request(reader)
                self.requests.append(request)
                await self.answer(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()

    async def hung_up_on(self):
        """Wait until a client has closed its connection; no timeout of the client's does."""
        async with asyncio.timeout(HANGS_S):
            await self.closed.wait()


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
    )
    return head + await reader.readexactly(int(length.split(b":")[1]))


@contextlib.asynccontextmanager
async def running(answer, **options):
    """A server and a client on it."""
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, **options)
    port = listening.sockets[0].getsockname()[1]
    scheme = "https" if "ssl" in options else "http"
    url = f"{scheme}://127.0.0.1:{port}"
    client = httpx2.AsyncClient(
        transport=HttpTransport(), base_url=url, trust_env=False, timeout=None
    )
    try:
        yield server, client
    finally:
        listening.close()
        async with asyncio.timeout(HANGS_S):
            await client.aclose()


def run(test):
    async def limited():
        async with asyncio.timeout(HANGS_S):
            return await test()

    return asyncio.run(limited())


def says(raw):
    async def answer(_, writer):
        writer.write(raw)

    return answer


def test_a_request_and_its_answer():
    async def test():
        async with running(says(OK)) as (server, client):
            response = await client.post("/v1/x?a=b", json={"n": 1}, headers={"X-Y": "z"})
            assert (response.status_code, response.content) == (200, b"ok")
            assert response.http_version == "HTTP/1.1"
        (request,) = server.requests
        head, _, body = request.partition(b"\r\n\r\n")
        first, *headers = head.split(b"\r\n")
        assert first == b"POST /v1/x?a=b HTTP/1.1"
        assert b"x-y: z" in [header.lower() for header in headers]
        assert b"accept-encoding: identity" in headers
        assert sum(header.lower().startswith(b"accept-encoding") for header in headers) == 1
        assert body == b'{"n":1}'

    run(test)


def test_a_body_without_a_known_length_goes_out_whole():
    async def parts():
        yield b"one"
        yield b"two"

    async def test():
        async with running(says(OK)) as (server, client):
            await client.post("/", content=parts())
        assert server.requests[0].endswith(b"\r\n\r\nonetwo")

    run(test)


def test_connections_are_kept_and_used_again():
    async def test():
        async with running(says(OK)) as (server, client):
            first = await client.get("/")
            second = await client.get("/")
            assert server.connections == 1
            await asyncio.gather(*(client.get("/") for _ in range(3)))
            assert server.connections == 3
        assert first.extensions[EXTENSION].connect_s > 0
        assert second.extensions[EXTENSION].connect_s == 0

    run(test)


def test_an_idle_connection_that_the_server_closed_is_not_used():
    """This loop stands still while the server closes, as between two runs of a lab."""
    closed = threading.Semaphore(0)

    def serve(listening):
        for _ in range(3):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(OK)
            closed.release()

    async def test():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=serve, args=[listening])
            thread.start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            async with httpx2.AsyncClient(transport=HttpTransport(), trust_env=False) as client:
                for _ in range(3):
                    assert (await client.get(url)).content == b"ok"
                    assert closed.acquire(timeout=HANGS_S)
            thread.join()

    run(test)


def test_a_connection_that_has_been_idle_for_long_is_not_used(monkeypatch):
    async def test():
        async with running(says(OK)) as (server, client):
            await client.get("/")
            now = asyncio.get_running_loop().time
            later = now() + KEEP_IDLE_S
            monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: max(now(), later))
            await client.get("/")
            assert server.connections == 2

    run(test)


def test_a_stream_is_read_as_it_comes():
    """The server sends its second part only when the first has been read."""
    read = []

    async def test():
        first_read = asyncio.Event()

        async def answer(_, writer):
            writer.write(STREAM + b"3\r\none\r\n")
            await first_read.wait()
            writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

        async with running(answer) as (_, client), client.stream("GET", "/") as response:
            async for part in response.aiter_bytes():
                read.append(part)
                first_read.set()

    run(test)
    assert read == [b"one", b"two"]


def test_a_stream_cut_in_the_middle():
    async def answer(_, writer):
        writer.write(STREAM + b"3\r\none\r\n")
        writer.close()

    async def test():
        async with running(answer) as (_, client), client.stream("GET", "/") as response:
            with pytest.raises(
                httpx2.RemoteProtocolError, match="before its response was complete"
            ):
                await response.aread()
            return response.extensions[EXTENSION]

    assert [data for _, data in run(test).chunks] == [b"one"]


def test_bodies_larger_than_any_buffer():
    size = 20_000_000

    async def answer(request, writer):
        body = request.partition(b"\r\n\r\n")[2]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async def test():
        async with running(answer) as (server, client):
            body = bytes(range(256)) * (size // 256)
            for _ in range(2):
                assert (await client.post("/", content=body)).content == body
            assert server.connections == 1

    run(test)


def test_nobody_listens():
    async def test():
        async with running(says(OK)) as (_, client):
            url = client.base_url
        async with httpx2.AsyncClient(transport=HttpTransport()) as client:
            await client.get(url)

    with pytest.raises(httpx2.ConnectError):
        run(test)


def simulated_connecting(create_connection):
    """What a GET of http://there.example/ raises after how long, if connecting goes like this."""
    loop = SimLoop()
    loop.create_connection = create_connection

    async def test():
        async with httpx2.AsyncClient(transport=HttpTransport(), timeout=5) as client:
            with pytest.raises(httpx2.TransportError) as raised:
                await client.get("http://there.example/")
        return raised.value, loop.time()

    try:
        return loop.run_until_complete(test())
    finally:
        loop.close()


@pytest.mark.parametrize(
    "why",
    [
        socket.gaierror("Name or service not known"),
        UnicodeError("label too long"),
        ssl.SSLError("WRONG_VERSION_NUMBER"),
        ConnectionAbortedError(),
    ],
    ids=lambda why: type(why).__name__,
)
def test_connecting_fails(why):
    async def fails(*_, **__):
        raise why

    error, after_s = simulated_connecting(fails)
    assert type(error) is httpx2.ConnectError
    assert str(error)
    assert after_s == 0


def test_connecting_takes_too_long():
    async def never(*_, **__):
        await asyncio.Event().wait()

    error, after_s = simulated_connecting(never)
    assert type(error) is httpx2.ConnectTimeout
    assert "there.example:80 within 5 s" in str(error)
    assert after_s == 5


def test_a_server_that_says_nothing():
    async def answer(*_):
        pass

    async def test():
        async with running(answer) as (server, client):
            with pytest.raises(httpx2.ReadTimeout):
                await client.get("/", timeout=0.02)
            await server.hung_up_on()

    run(test)


def test_cancelling_a_request_closes_its_connection():
    async def test():
        asked = asyncio.Event()

        async def answer(*_):
            asked.set()

        async with running(answer) as (server, client):
            request = asyncio.create_task(client.get("/"))
            await asked.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await server.hung_up_on()

    run(test)


def test_leaving_a_stream_closes_its_connection():
    async def test():
        async with running(says(STREAM + b"3\r\none\r\n")) as (server, client):
            async with client.stream("GET", "/") as response:
                await anext(response.aiter_bytes())
            await server.hung_up_on()

    run(test)


def test_closing_the_client_closes_every_connection():
    async def test():
        async with running(says(OK)) as (server, client):
            await client.get("/")
            await client.aclose()
            await server.hung_up_on()

    run(test)


@pytest.mark.parametrize("value", ["key\n", "key\r\nX-Other: 1", "key\0"])
def test_a_line_break_in_a_header_is_refused_without_showing_it(value):
    async def test():
        async with running(says(OK)) as (server, client):
            with pytest.raises(httpx2.LocalProtocolError) as refused:
                await client.get("/", headers={"authorization": value})
            assert "authorization" in str(refused.value)
            assert "key" not in str(refused.value)
            assert server.requests == []

    run(test)


def test_an_address_that_is_not_http():
    async def test():
        request = httpx2.Request("GET", "ftp://there.example/")
        await HttpTransport().handle_async_request(request)

    with pytest.raises(httpx2.UnsupportedProtocol, match="ftp"):
        run(test)


def test_it_belongs_to_one_loop():
    transport = HttpTransport()

    async def test():
        with contextlib.suppress(httpx2.ConnectError):
            request = httpx2.Request("GET", "http://127.0.0.1:1/")
            await transport.handle_async_request(request)

    run(test)
    with pytest.raises(ClockError, match=r"lab\.run"):
        run(test)


def test_the_sdks_stream_and_the_stopwatch_agree():
    events = [
        b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % word
        for word in (b"one ", b"two ")
    ]
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    body = STREAM + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*events, end])

    async def test():
        async with running(says(body + b"0\r\n\r\n")) as (_, http):
            client = openai.AsyncOpenAI(
                base_url=str(http.base_url), api_key="any", http_client=http, max_retries=0
            )
            request = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
            stream = await client.chat.completions.create(**request, stream=True)
            said = [chunk.choices[0].delta.content async for chunk in stream]
            return said, await timed_call(client, **request)

    said, record = run(test)
    assert said == ["one ", "two ", None]
    assert record.content == "one two "
    assert record.error is None
    assert record.sent_at <= record.chunks_at[0] <= record.chunks_at[1] <= record.ended_at


@pytest.mark.parametrize(
    ("closes", "kind"), [(False, "timeout"), (True, "cut_off")], ids=["stalls", "is-cut"]
)
def test_the_stopwatch_keeps_what_came_before_a_failure(closes, kind):
    event = b'data: {"choices":[{"index":0,"delta":{"content":"one "}}]}\n\n'

    async def answer(_, writer):
        writer.write(STREAM + b"%x\r\n%s\r\n" % (len(event), event))
        if closes:
            writer.close()

    async def test():
        async with running(answer) as (_, http):
            client = openai.AsyncOpenAI(
                base_url=str(http.base_url),
                api_key="any",
                http_client=http,
                max_retries=0,
                timeout=httpx2.Timeout(HANGS_S, read=HANGS_S if closes else 0.5),
            )
            return await timed_call(
                client, model="m", messages=[{"role": "user", "content": "hello"}]
            )

    record = run(test)
    assert record.error.kind == kind
    assert record.content == "one "
    assert len(record.chunks_at) == 1


@pytest.fixture
def certificate(tmp_path):
    """A key and a certificate of this test's own, for 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl, which is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {cert}"
    command += " -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(command.split(), check=True, capture_output=True)
    return cert, key


def test_over_tls(certificate):
    cert, key = certificate
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=cert)

    async def test():
        async with running(says(OK), ssl=served) as (server, client):
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get("/")
            url = client.base_url
            async with httpx2.AsyncClient(transport=HttpTransport(trusting)) as trusted:
                for _ in range(2):
                    assert (await trusted.get(url)).content == b"ok"
            assert len(server.requests) == 2

    run(test)


@pytest.mark.parametrize(
    ("environment", "url", "goes_through_a_proxy"),
    [
        ({}, "https://api.example.com/v1", False),
        ({"https_proxy": "http://proxy.example:3128"}, "https://api.example.com/v1", True),
        ({"https_proxy": "http://proxy.example:3128"}, "http://api.example.com/v1", False),
        ({"all_proxy": "proxy.example:3128"}, "http://api.example.com/v1", True),
        ({"all_proxy": "proxy.example", "no_proxy": "example.com"}, "http://a.example.com", False),
        ({"http_proxy": "proxy.example", "no_proxy": "*"}, "http://api.example.com", False),
    ],
)
def test_a_proxy_in_the_environment_is_used(monkeypatch, environment, url, goes_through_a_proxy):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = StampingTransport if goes_through_a_proxy else HttpTransport
    assert type(network_transport(url)) is expected
