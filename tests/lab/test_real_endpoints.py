"""Endpoints as they exist, over HTTP: what they keep open, compress, echo, move or never end."""

import asyncio
import gzip
import json
import socket
import subprocess
import sys
import threading
import zlib
from base64 import b64encode

import pytest

from labtools import connect
from labtools.errors import ConfigurationError, EndpointUnreachable
from labtools.lab import lab as lab_module
from labtools.transport import arrivals as arrivals_module

SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
DONE = b"data: [DONE]\n\n"
KEY = "sk-very-secret-0123456789"


def data(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(delta, finish=None, **rest):
    return data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **rest})


HE, LLO = chunk({"content": "He"}), chunk({"content": "llo"})
END = chunk({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 2}) + DONE


def plain(status, body=b"", *headers):
    head = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "connection: close"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


MODELS = (plain("200 OK", b'{"data": []}'),)


class Raw:
    """A server of raw bytes. `parts` are sent for a POST: bytes, or seconds to wait, or a function
    of the request's head that gives them; a GET gets an empty list of models."""

    def __init__(self, *parts, models=MODELS):
        self.parts, self.models, self.heads = parts, models, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._gone = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self):
        return self._listener.getsockname()[1]

    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            got = b""
            while b"\r\n\r\n" not in got:
                more = connection.recv(65536)
                if not more:
                    return
                got += more
            head, _, body = got.partition(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length: "):
                    while len(body) < int(line[16:]):
                        body += connection.recv(65536)
            self.heads.append(head.decode())
            parts = self.parts if head.startswith(b"POST") else self.models
            try:
                for part in parts:
                    if callable(part):
                        part = part(head.decode())
                    if not isinstance(part, bytes):
                        self._gone.wait(part)
                    else:
                        connection.sendall(part)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._gone.set()
        self._listener.close()


def called(*parts, key=KEY, record=None, **request):
    with (
        Raw(*parts) as server,
        connect(server.url(), model="m", api_key=key, record=record) as lab,
    ):
        return lab.run(lab.call("ask", **request)).result


def answer(*parts, head=b""):
    return (SSE + head + b"\r\n", *parts)


# 4. The end of the call


@pytest.mark.parametrize("after", [(5,), (b": ping\n\n", 0.01) * 3 + (5,), (b"\n", 5)])
def test_a_call_ends_with_done_though_the_connection_stays_open(after):
    record = called(*answer(HE, LLO, END, *after), timeout=4)
    assert record.error is None
    assert record.content == "Hello"
    assert record.e2e_latency_s < 2


@pytest.mark.parametrize(
    "parts",
    [
        answer(HE, *(b": ping\n\n", 0.02) * 200),
        answer(*(b"data: {}\n\n", 0.02) * 200),
        (b"HTTP/1.1 200 OK\r\n", *(b"x", 0.02) * 200),
        answer(HE, *(b"x", 0.02) * 200),
    ],
    ids=["pings", "empty chunks", "a header", "a line"],
)
def test_a_timeout_bounds_the_whole_call_whatever_comes_in_between(parts):
    record = called(*parts, timeout=0.4)
    assert (record.error.kind, record.error.message) == (
        "timeout",
        "The call was not whole after 0.4 s.",
    )


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (answer(*[b"data: " + b"x" * 2**16] * 80), "longer than 2 MiB"),
        (answer(*[HE * 1000] * 80), "longer than 2 MiB"),
        ((b"HTTP/1.1 200 OK\r\nx: ", *[b"x" * 2**16] * 40), "of headers"),
        ((*[b"HTTP/1.1 100 Continue\r\n\r\n" * 1000] * 90,), "of headers"),
        (
            answer(gzip.compress(b"data: " + b"x" * 2**24), head=b"content-encoding: gzip\r\n"),
            "longer than 2 MiB",
        ),
    ],
    ids=["a line", "chunks", "a header", "before the head", "a bomb"],
)
def test_an_answer_has_a_size(monkeypatch, parts, said):
    monkeypatch.setattr(arrivals_module, "LARGEST_BODY", 2**21)
    record = called(*parts)
    assert record.error.kind in ("cut_off", "connection")
    assert said in record.error.message


def test_an_endpoint_that_never_ends_its_list_of_models_is_left(monkeypatch):
    monkeypatch.setattr(lab_module, "_WARM_UP_S", 0.3)
    drip = (b"HTTP/1.1 200 OK\r\n", *(b"x", 0.05) * 100)
    with Raw(models=drip) as server, pytest.raises(EndpointUnreachable, match="no whole answer"):
        connect(server.url(), model="m", api_key="")


# 5. Compressed streams


def packed(*events, wbits, flush):
    deflate = zlib.compressobj(wbits=wbits)
    pieces = [
        deflate.compress(event) + (deflate.flush(flush) if flush else b"") for event in events
    ]
    return [*pieces[:-1], pieces[-1] + deflate.flush()]


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, None])
@pytest.mark.parametrize(
    ("name", "wbits"), [(b"gzip", 31), (b"x-gzip", 31), (b"GZIP", 31), (b"deflate", 15),
                        (b"deflate", -15)],
)  # fmt: skip
def test_a_compressed_stream_is_read_when_it_comes(name, wbits, flush):
    pieces = packed(HE, LLO, END, wbits=wbits, flush=flush)
    timed = [part for piece in pieces for part in (piece, 0.05)]
    record = called(*answer(*timed, head=b"content-encoding: " + name + b"\r\n"))
    assert (record.error, record.content, record.output_tokens) == (None, "Hello", 2)
    if flush:
        assert record.itl_s[0] > 0.03


def test_members_of_their_own_are_read_and_the_sdk_reads_them_too():
    head = b"content-encoding: gzip\r\n"
    parts = answer(*map(gzip.compress, (HE, LLO, END)), head=head)
    with Raw(*parts) as server, connect(server.url(), model="m", api_key="") as lab:

        async def sdk():
            asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
            stream = await lab.client.chat.completions.create(**asked, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream])

        assert lab.run(sdk()).result == "Hello"
        assert lab.run(lab.call()).result.content == "Hello"
        assert lab.meter.spent.total == 22


# 2. When to come back


def test_a_date_says_when_to_try_again_as_well_as_seconds():
    from email.utils import formatdate

    from labtools.clock import unix_time_s

    for value, low, high in (
        (formatdate(unix_time_s() + 30, usegmt=True), 25, 31),
        (formatdate(unix_time_s() - 30, usegmt=True), 0, 0),
        ("7", 7, 7),
        ("1.5", 1.5, 1.5),
    ):
        record = called(plain("429 Too Many Requests", b"slow down", f"retry-after: {value}"))
        assert str(record.error) == "status 429: slow down"
        assert low <= record.error.retry_after_s <= high
    record = called(plain("429 Too Many Requests", b"", "retry-after: 1", "retry-after-ms: 250"))
    assert record.error.retry_after_s == 0.25


# 11. Redirects


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_on_the_same_host_is_followed_with_the_key(status):
    with Raw(*answer(HE, LLO, END)) as there:
        record = called(plain(status, b"", f"location: {there.url()}/chat/completions"))
        assert (record.error, record.content) == (None, "Hello")
        assert f"Bearer {KEY}" in there.heads[-1]
        assert f"127.0.0.1:{there.port}" in there.heads[-1]


@pytest.mark.parametrize(
    "status", ["307 Temporary Redirect", "308 Permanent Redirect", "301 Moved"]
)
def test_another_host_is_named_and_gets_nothing(status):
    with Raw(*answer(HE, LLO, END)) as there:
        location = f"http://user:secret@localhost:{there.port}/v1/x?key=1"
        record = called(plain(status, b"", f"location: {location}"))
        assert record.error.status == int(status[:3])
        assert f"has moved to http://localhost:{there.port}/v1/x, which" in record.error.message
        assert there.heads == []


def test_a_redirect_to_itself_ends():
    record = called(lambda head: plain("307 Again", b"", "location: /v1/chat/completions"))
    assert record.error.status == 307


# 12. The reader's machine


@pytest.mark.parametrize("form", [" {} ", "\n{}\n", "HTTP{}", "{}/", "{}?api-version=2024-10-21",
                                  "{}?api-version=1&tag=a%20b", "{}#part"])  # fmt: skip
def test_an_address_may_be_written_in_many_ways(form):
    with Raw(*answer(HE, LLO, END)) as server:
        url = form.format(server.url()[4:] if form.startswith("HTTP") else server.url())
        with connect(url, model="m", api_key=KEY) as lab:
            assert lab.run(lab.call()).result.content == "Hello"
            assert lab.endpoint.strip("/") == server.url()
    path = server.heads[-1].split(" ")[1]
    query = url.strip().partition("?")[2].replace("%20", "+")
    assert path.replace("%20", "+") == "/v1/chat/completions" + (f"?{query}" if query else "")
    assert ("api-key: " + KEY in server.heads[-1]) == ("api-version" in url)


@pytest.mark.parametrize("url", ["http://", "http:///v1", "https://[::1"])
def test_what_is_no_address_is_named(url):
    with pytest.raises(ConfigurationError, match="is not an address"):
        connect(url, model="m")


def test_another_librarys_loop_policy_does_not_matter():
    class Other(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            raise TypeError("not made for this")

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Other())
    try:
        assert called(*answer(HE, LLO, END)).content == "Hello"
    finally:
        asyncio.set_event_loop_policy(before)


@pytest.fixture
def proxied(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize(
    ("variable", "proxy", "said"),
    [
        ("ALL_PROXY", "socks://u:hidden@127.0.0.1:9", "ALL_PROXY names the proxy socks://127.0"),
        ("all_proxy", "socks5h://127.0.0.1:9", "all_proxy names the proxy socks5h.*socksio"),
        ("HTTP_PROXY", "htp://127.0.0.1:9", "HTTP_PROXY names.*Allowed: http://HOST:PORT"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_with_its_variable(proxied, variable, proxy, said):
    proxied(variable, proxy)
    with pytest.raises(ConfigurationError, match=said) as caught:
        connect("http://127.0.0.1:9/v1", model="m", api_key="")
    assert "hidden" not in str(caught.value)
    proxied("NO_PROXY", "127.0.0.1")
    with pytest.raises(EndpointUnreachable, match=r"Nobody answers at http://127\.0\.0\.1:9"):
        connect("http://127.0.0.1:9/v1", model="m", api_key="")


def test_a_dead_proxy_is_not_a_dead_endpoint(proxied):
    proxied("http_proxy", "127.0.0.1:9")
    said = "No way through the proxy http://127.0.0.1:9, which http_proxy names"
    with pytest.raises(EndpointUnreachable, match=said) as caught:
        connect("http://api.example.com/v1", model="m", api_key="")
    assert "Nobody answers" not in str(caught.value)


def test_no_tls_is_named_as_such():
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse():
        connection, _ = listener.accept()
        with connection:
            connection.sendall(plain("400 Bad Request", b"plain HTTP here"))
            connection.recv(65536)

    threading.Thread(target=refuse, daemon=True).start()
    said = r"No TLS with https://127.*begins with http://"
    with listener, pytest.raises(EndpointUnreachable, match=said):
        connect(f"https://127.0.0.1:{listener.getsockname()[1]}/v1", model="m", api_key="")


def test_what_is_no_http_is_named():
    said = "answers, and not as an HTTP server should"
    with (
        Raw(models=(b"SSH-2.0-OpenSSH_9.6\r\n",)) as server,
        pytest.raises(EndpointUnreachable, match=said),
    ):
        connect(server.url(), model="m", api_key="")


def test_what_is_simulated_imports_no_server_and_starts_no_thread():
    code = """
import sys, threading
from labtools import connect
begun = threading.active_count()
with connect() as lab:
    lab.run(lab.call(output_tokens=3))
print(begun, sorted({"httptools", "uvicorn", "xllamacpp", "socketserver"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 []\n"


# Secrets


def echo(head):
    """The key back, as it was sent, in two tokens, encoded, and as an argument."""
    key = head.partition("Bearer ")[2].partition("\r\n")[0]
    arguments = json.dumps({"key": key})
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}
    said = [key[:9], key[9:], " " + b64encode(f"Bearer {key}".encode()).decode()]
    parts = [chunk({"content": part}) for part in said]
    parts += [chunk({"reasoning_content": key}), chunk({"tool_calls": [call]})]
    return b"".join(parts) + END


@pytest.mark.parametrize(
    "parts",
    [
        answer(echo),
        (lambda head: plain("401 No", b"bad key " + head.encode()),),
        (
            lambda head: plain(
                "200 OK", head.encode(), f"retry-after: {KEY}", f"content-type: {KEY}"
            ),
        ),
        (lambda head: plain("307 Moved", b"", f"location: http://localhost/{KEY}?k={KEY}"),),
        answer(lambda head: data({"error": {"message": head.partition("Bearer ")[2]}})),
    ],
    ids=["an answer", "an error", "a header", "a redirect", "an error in the stream"],
)
def test_a_key_that_is_echoed_reaches_no_trace_and_no_recording(tmp_path, parts):
    file = tmp_path / "run.jsonl"
    with (
        Raw(*parts) as server,
        connect(server.url(), model="m", api_key=KEY, record=file) as lab,
    ):
        trace = lab.run(lab.call("ask"))
    written = file.read_text() + trace.save(tmp_path / "trace.json").read_text()
    written += trace.save_chrome_trace(tmp_path / "perfetto.json").read_text()
    written += repr(trace.result) + trace.table().to_string()
    for secret in (KEY, KEY[9:], b64encode(KEY.encode()).decode()[:16]):
        assert secret not in written


def test_a_password_of_the_address_reaches_no_trace_and_no_recording(tmp_path):
    file = tmp_path / "run.jsonl"
    with Raw(lambda head: plain("401 No", head.encode())) as server:
        url = server.url().replace("//", "//alice:s3cr%40t@")
        with connect(url, model="m", api_key="", record=file) as lab:
            trace = lab.run(lab.call("ask"))
    assert "Authorization: Basic" in server.heads[-1]
    written = file.read_text() + trace.save(tmp_path / "trace.json").read_text() + repr(trace)
    for secret in ("s3cr", b64encode(b"alice:s3cr@t").decode()):
        assert secret not in written
