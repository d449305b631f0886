"""One connection on simulated time: what is stamped, what is read, and when it gives up."""

import asyncio
import itertools

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.transport.http_connection import Connection

PATIENT = {"read": None, "write": None}
HEAD = b"HTTP/1.1 200 OK\r\nX-Kind: test\r\n"


class Wire(asyncio.Transport):
    """Stands where the socket stands. What it cannot send yet, it keeps."""

    def __init__(self, connection, stuck=False):
        super().__init__()
        self.connection, self.stuck = connection, stuck
        self.unsent = b""
        self.sent = b""
        self.closed = False
        connection.connection_made(self)

    def set_write_buffer_limits(self, high=None, low=None):
        assert high == 0

    def write(self, data):
        if self.stuck:
            self.unsent += data
        else:
            self.sent += data

    def flush(self):
        self.sent, self.unsent, self.stuck = self.sent + self.unsent, b"", False
        self.connection.resume_writing()

    def get_write_buffer_size(self):
        return len(self.unsent)

    def is_closing(self):
        return self.closed

    def abort(self):
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)


def opened(stuck=False):
    """A connection, its wire, and the list that it puts itself into when idle."""
    idle = []
    connection = Connection(idle.append)
    return connection, Wire(connection, stuck), idle


async def read(exchange):
    return b"".join([part async for part in exchange])


def chunked(parts):
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def with_length(parts):
    body = b"".join(parts)
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def until_close(parts):
    return HEAD + b"\r\n" + b"".join(parts)


@given(
    st.sampled_from([chunked, with_length, until_close]),
    st.lists(st.binary(max_size=30), max_size=6),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_a_response_is_the_same_however_it_is_framed_and_cut(new_sim, framing, parts, cuts):
    raw = framing(parts)
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    sim = new_sim()

    async def exchange():
        connection, wire, idle = opened()
        exchange = connection.send(b"request", PATIENT)
        for start, end in itertools.pairwise(edges):
            connection.data_received(raw[start:end])
        if framing is until_close:
            connection.connection_lost(None)
        await exchange.head()
        assert wire.sent == b"request"
        assert exchange.status == 200
        assert (b"X-Kind", b"test") in exchange.headers
        assert await read(exchange) == b"".join(parts)
        assert b"".join(data for _, data in exchange.arrivals.chunks) == b"".join(parts)
        assert idle == ([] if framing is until_close else [connection])

    sim.run(exchange())


def test_bytes_are_stamped_when_they_come_not_when_they_are_read(sim):
    async def exchange():
        connection, _, _ = opened()
        await asyncio.sleep(1)
        exchange = connection.send(b"request", PATIENT)
        raw = chunked([b"one", b"two"])
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, connection.data_received, raw[:-13])
        loop.call_later(0.75, connection.data_received, raw[-13:-5])
        loop.call_later(0.875, connection.data_received, raw[-5:])
        await asyncio.sleep(60)
        assert await read(exchange) == b"onetwo"
        return exchange.arrivals

    arrivals = sim.run(exchange())
    assert arrivals.sent_at == 1
    assert arrivals.chunks == [(1.5, b"one"), (1.75, b"two")]
    assert arrivals.ended_at == 1.875


def test_a_reader_gets_each_part_when_it_comes(sim):
    async def exchange():
        connection, _, _ = opened()
        exchange = connection.send(b"request", PATIENT)
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, connection.data_received, HEAD + b"Content-Length: 6\r\n\r\none")
        loop.call_later(0.75, connection.data_received, b"two")
        await exchange.head()
        return [(loop.time(), part) async for part in exchange]

    assert sim.run(exchange()) == [(0.5, b"one"), (0.75, b"two")]


def test_who_waits_for_the_end_is_woken_once(sim):
    async def exchange():
        connection, _, _ = opened()
        exchange = connection.send(b"request", PATIENT)
        connection.data_received(HEAD + b"Content-Length: 3\r\n\r\n")
        for letter in (b"a", b"b", b"c"):
            assert not exchange.arrivals.complete.is_set()
            connection.data_received(letter)
        assert exchange.arrivals.complete.is_set()
        return [part async for part in exchange]

    assert sim.run(exchange()) == [b"abc"]


def test_interim_responses_are_passed_over(sim):
    async def exchange():
        connection, _, idle = opened()
        exchange = connection.send(b"request", PATIENT)
        connection.data_received(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.data_received(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        assert exchange.status is None
        connection.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert exchange.status == 204
        assert exchange.headers == []
        assert await read(exchange) == b""
        assert idle == [connection]

    sim.run(exchange())


def test_the_answer_to_head_has_no_body(sim):
    async def exchange():
        connection, wire, idle = opened()
        exchange = connection.send(b"HEAD", PATIENT, has_body=False)
        connection.data_received(HEAD + b"Content-Length: 10\r\n\r\n")
        await exchange.head()
        assert await read(exchange) == b""
        assert wire.closed
        assert idle == []

    sim.run(exchange())


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n",
    ],
    ids=["close", "http-1.0", "more-than-asked-for"],
)
def test_a_connection_that_cannot_be_used_again_is_closed(sim, raw):
    async def exchange():
        connection, wire, _ = opened()
        exchange = connection.send(b"request", PATIENT)
        connection.data_received(raw)
        assert await read(exchange) == b""
        assert wire.closed
        assert not connection.is_reusable()

    sim.run(exchange())


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
    ],
)
def test_what_is_not_http_is_a_protocol_error(sim, raw):
    async def exchange():
        connection, wire, _ = opened()
        exchange = connection.send(b"request", PATIENT)
        connection.data_received(raw)
        assert wire.closed
        await exchange.head()

    with pytest.raises(httpx2.RemoteProtocolError, match=r"Not an HTTP/1\.1 response"):
        sim.run(exchange())


@pytest.mark.parametrize(
    ("raw", "reason", "expected"),
    [
        (b"", None, httpx2.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Le", None, httpx2.RemoteProtocolError),
        (b"", ConnectionResetError("reset"), httpx2.ReadError),
    ],
)
def test_a_connection_lost_before_the_response(sim, raw, reason, expected):
    async def exchange():
        connection, _, _ = opened()
        exchange = connection.send(b"request", PATIENT)
        connection.data_received(raw)
        connection.connection_lost(reason)
        await exchange.head()

    with pytest.raises(expected):
        sim.run(exchange())


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(None, httpx2.RemoteProtocolError), (ConnectionResetError("reset"), httpx2.ReadError)],
)
def test_a_connection_lost_in_the_body_keeps_what_came(sim, reason, expected):
    async def exchange():
        connection, _, _ = opened()
        exchange = connection.send(b"request", PATIENT)
        connection.data_received(chunked([b"one", b"two"])[:-10])
        connection.connection_lost(reason)
        await exchange.head()
        parts = []
        with pytest.raises(expected):
            parts.extend([part async for part in exchange])
        assert exchange.arrivals.chunks[0][1] == b"one"
        assert exchange.arrivals.ended_at == 0

    sim.run(exchange())


def test_silence_is_a_read_timeout(sim):
    """It counts from the last byte, however many came before."""

    async def exchange():
        connection, wire, _ = opened()
        exchange = connection.send(b"request", {"read": 5.0, "write": 1.0})
        loop = asyncio.get_running_loop()
        loop.call_later(4, connection.data_received, HEAD + b"Content-Length: 9\r\n\r\none")
        loop.call_later(8, connection.data_received, b"two")
        with pytest.raises(httpx2.ReadTimeout, match="No bytes for 5 s"):
            await read(exchange)
        assert wire.closed
        return loop.time()

    assert sim.run(exchange()) == 13


def test_a_request_that_cannot_be_sent_is_a_write_timeout(sim):
    async def exchange():
        connection, _, _ = opened(stuck=True)
        exchange = connection.send(b"request", {"read": 1.0, "write": 3.0})
        with pytest.raises(httpx2.WriteTimeout, match="3 s"):
            await exchange.head()
        return asyncio.get_running_loop().time()

    assert sim.run(exchange()) == 3


def test_reading_counts_from_when_the_request_was_sent(sim):
    async def exchange():
        connection, wire, _ = opened(stuck=True)
        exchange = connection.send(b"request", {"read": 1.0, "write": 3.0})
        asyncio.get_running_loop().call_later(2.5, wire.flush)
        with pytest.raises(httpx2.ReadTimeout):
            await exchange.head()
        return asyncio.get_running_loop().time()

    assert sim.run(exchange()) == 3.5


def test_a_response_before_the_request_was_sent_ends_the_connection(sim):
    async def exchange():
        connection, wire, idle = opened(stuck=True)
        exchange = connection.send(b"too much", PATIENT)
        connection.data_received(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await exchange.head()
        assert exchange.status == 413
        assert wire.closed
        assert idle == []

    sim.run(exchange())


def test_a_finished_exchange_leaves_no_timer(sim):
    async def exchange():
        connection, _, _ = opened()
        exchange = connection.send(b"request", {"read": 600.0, "write": 600.0})
        connection.data_received(with_length([b"done"]))
        assert await read(exchange) == b"done"
        await asyncio.sleep(1000)
        assert await read(exchange) == b""

    sim.run(exchange())


def test_closing_a_response_under_way_closes_the_connection(sim):
    async def exchange():
        connection, wire, _ = opened()
        exchange = connection.send(b"request", PATIENT)
        connection.data_received(chunked([b"one", b"two"])[:-10])
        await exchange.aclose()
        assert wire.closed
        await connection.closed
        assert exchange.arrivals.ended_at == 0

    sim.run(exchange())
