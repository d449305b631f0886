"""Attacks on the mock over HTTP: a well-behaved stream beside each is in time, and memory stays."""

import contextlib
import http.client
import json
import socket
import threading
import time
from pathlib import Path

import httpx2
import pytest

from labtools.mock.server import ServerProcess
from labtools.model.profile import LatencyProfile

pytestmark = [pytest.mark.slow, pytest.mark.timed]

# A token every 20 ms, and some two seconds of them.
STEADY = LatencyProfile("steady", decode_tokens_per_s=50)
HELLO = [{"role": "user", "content": "hello"}]
MOST_MEMORY_KIB = 512 * 1024


@pytest.fixture(scope="module")
def server():
    running = ServerProcess({"steady": STEADY, "any": LatencyProfile("any", 100_000)})
    yield running
    running.stop()


def chat(**fields):
    return "/v1/chat/completions", {"model": "any", "messages": HELLO, **fields}


def responses(**fields):
    return "/v1/responses", {"model": "any", "input": "hello", **fields}


def schema(**keywords):
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": keywords}}
    return {"response_format": form}


def chain(link):
    definitions = {f"d{i}": link({"$ref": f"#/$defs/d{i + 1}"}) for i in range(40)}
    return {**definitions, "d40": {}}


def tool(name, **parameters):
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TWICE = chain(lambda ref: {"allOf": [ref, ref]})
LONG = "x" * 2**20
# Each is sent as often as it says, at most eight at once.
ATTACKS = {
    "names that refer twice": (
        20,
        chat(
            **schema(**{"$defs": TWICE, "required": ["a"], "propertyNames": {"$ref": "#/$defs/d0"}})
        ),
    ),
    "a long constant, often": (
        20,
        chat(**schema(type="array", minItems=5000, items={"const": LONG[:90_000]})),
    ),
    "a schema for each of 128": (
        2,
        chat(n=128, **schema(type="array", minItems=100, items={"type": "string"})),
    ),
    "128 times 8 MB": (4, chat(n=128, mock={"content": LONG * 8, "output_tokens": 1})),
    "a hundred thousand calls": (
        4,
        chat(mock={"tool_calls": [{"name": "t", "arguments": ""}] * 100_000}),
    ),
    "a thousand tools": (
        4,
        chat(
            tools=[tool(f"t{i}", properties={f"p{j}": {} for j in range(300)}) for i in range(900)],
            tool_choice="required",
            mock={"tool_call_count": 100},
        ),
    ),
    "half a million messages": (2, chat(messages=[{"role": "user", "content": ""}] * 400_000)),
    "objects": (4, chat(x=[{}] * 4_000_000)),
    "a body of 60 MB": (2, chat(messages=[{"role": "user", "content": LONG * 60}])),
    "a long prompt": (8, chat(messages=[{"role": "user", "content": LONG * 3}])),
    "a long prompt of many tokens": (
        2,
        chat(messages=[{"role": "user", "content": LONG}], mock={"output_tokens": 131_072}),
    ),
}
# Each of these is another one every time.
VARIED = {
    "fields that nobody reads": (
        30,
        lambda i: responses(
            input=[{"type": "message", "role": "user", "content": "x", "unknown": f"{i}{LONG * 8}"}]
        ),
    ),
    "contents in caches": (
        200,
        lambda i: chat(mock={"content": f"{i:04}{LONG[:500_000]}", "output_tokens": 1}),
    ),
    "schemas in caches": (
        50,
        lambda i: chat(
            **schema(properties={f"p{i}_{j}": {"pattern": f"^a{i}_{j}"} for j in range(1500)})
        ),
    ),
}


def send(server, path, body):
    url = httpx2.URL(server.base_url)
    connection = http.client.HTTPConnection(url.host, url.port, timeout=60)
    try:
        with contextlib.suppress(OSError):  # refused before it was all there
            connection.request("POST", path, body, {"content-type": "application/json"})
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = connection.getresponse()
            answer.read()
            return answer.status
        return None
    finally:
        connection.close()


@contextlib.contextmanager
def in_time(server):
    """A stream goes on beside the block: no token of it is a second late, and memory stays."""
    late_s = []
    stop = threading.Event()
    begun = threading.Event()

    def read():
        with httpx2.Client(timeout=60) as client:
            while not stop.is_set():
                body = {"model": "steady", "messages": HELLO, "stream": True}
                with client.stream(
                    "POST", f"{server.base_url}/chat/completions", json=body
                ) as stream:
                    last_at = time.perf_counter()
                    for _ in stream.iter_raw():
                        now = time.perf_counter()
                        late_s.append(now - last_at - 0.02)
                        last_at = now
                        begun.set()
                        if stop.is_set():
                            break

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert begun.wait(30)
        yield
    finally:
        stop.set()
        reader.join()
    assert max(late_s) < 1, "a token came a second late"
    status = Path(f"/proc/{server.pid}/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < MOST_MEMORY_KIB


def send_endlessly(connection):
    for _ in range(400):
        connection.sendall(b"x" * 2**18)


def attack(server, requests):
    statuses = []
    requests = iter(requests)
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                request = next(requests, None)
            if request is None:
                return
            statuses.append(send(server, *request))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return statuses


@pytest.mark.parametrize("name", ATTACKS)
def test_a_request_does_not_hold_others_up(server, name):
    times, (path, body) = ATTACKS[name]
    raw = json.dumps(body)
    with in_time(server):
        statuses = attack(server, [(path, raw)] * times)
    assert set(statuses) <= {200, 400, 413, 503, None}


@pytest.mark.parametrize("name", VARIED)
def test_what_is_kept_is_bounded(server, name):
    times, made = VARIED[name]
    with in_time(server):
        statuses = attack(
            server, ((path, json.dumps(body)) for path, body in map(made, range(times)))
        )
    assert set(statuses) <= {200, 400, 413, 503, None}


@pytest.mark.parametrize("head", [b"GET /", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_an_endless_head_is_cut_off(server, head):
    url = httpx2.URL(server.base_url)
    with in_time(server), socket.create_connection((url.host, url.port), timeout=10) as connection:
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            send_endlessly(connection)
