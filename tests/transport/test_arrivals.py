"""Instants are taken where bytes arrive, and stay with the response."""

import asyncio

import httpx2
import pytest

from labtools.clock import SimLoop
from labtools.transport.arrivals import EXTENSION, StampingTransport


class Timed(httpx2.AsyncByteStream):
    """Parts of a body, each at its time; then perhaps an error."""

    def __init__(self, parts, error=None):
        self.parts, self.error, self.closed = parts, error, False

    async def __aiter__(self):
        for wait_s, part in self.parts:
            await asyncio.sleep(wait_s)
            yield part
        if self.error:
            raise self.error

    async def aclose(self):
        self.closed = True


class Network(httpx2.AsyncBaseTransport):
    """A transport that connects for 2 s, answers after 1 s, and then sends `body`."""

    def __init__(self, body):
        self.body, self.closed, self.request = body, False, None

    async def handle_async_request(self, request):
        self.request = request
        trace = request.extensions["trace"]
        if request.url.path != "/again":
            await trace("connection.connect_tcp.started", {})
            await asyncio.sleep(2)
            await trace("connection.connect_tcp.complete", {})
        await trace("http11.send_request_headers.started", {})
        await asyncio.sleep(1)
        return httpx2.Response(200, headers={"x": "y"}, stream=self.body, extensions={"own": 1})

    async def aclose(self):
        self.closed = True


PARTS = [(0.5, b"a"), (0.25, b"b"), (0.0, b"c")]


def stamped(body, read, url="http://there/"):
    """What `read(response)` returns, the arrivals and the network."""
    network, loop = Network(body), SimLoop()

    async def main():
        transport = StampingTransport(network)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            async with client.stream("GET", url) as response:
                found = await read(response)
            return found, response.extensions[EXTENSION], response

    try:
        return *loop.run_until_complete(main()), network
    finally:
        loop.close()


async def read_all(response):
    return [part async for part in response.aiter_raw()]


def test_each_part_is_stamped_as_it_arrives():
    found, arrivals, response, _ = stamped(Timed(PARTS), read_all)
    assert found == [b"a", b"b", b"c"]
    assert arrivals.chunks == [(3.5, b"a"), (3.75, b"b"), (3.75, b"c")]
    assert arrivals.ended_at == 3.75
    assert response.headers["x"] == "y"
    assert response.extensions["own"] == 1


def test_making_the_connection_is_apart_from_the_call():
    _, arrivals, _, _ = stamped(Timed(PARTS), read_all)
    assert arrivals.sent_at == 2
    assert arrivals.connect_s == 2


def test_an_open_connection_takes_no_time_to_make():
    _, arrivals, _, _ = stamped(Timed(PARTS), read_all, "http://there/again")
    assert arrivals.sent_at == 0
    assert arrivals.connect_s == 0


def test_a_slow_reader_does_not_change_when_things_began():
    async def dawdle(response):
        await asyncio.sleep(10)
        return await read_all(response)

    _, arrivals, _, _ = stamped(Timed(PARTS), dawdle)
    assert arrivals.sent_at == 2
    assert [part for _, part in arrivals.chunks] == [b"a", b"b", b"c"]


def test_a_body_that_fails_keeps_what_came_and_when_it_failed():
    body = Timed(PARTS, error=httpx2.ReadError("gone"))

    async def read(response):
        with pytest.raises(httpx2.ReadError, match="gone"):
            await read_all(response)

    _, arrivals, _, _ = stamped(body, read)
    assert [part for _, part in arrivals.chunks] == [b"a", b"b", b"c"]
    assert arrivals.ended_at == 3.75


def test_a_body_that_is_not_read_has_not_ended():
    async def look_away(response):
        return response.extensions[EXTENSION].ended_at

    body = Timed(PARTS)
    found, arrivals, _, network = stamped(body, look_away)
    assert found is None
    assert arrivals.chunks == []
    assert body.closed
    assert network.closed


def test_no_compressed_copy_is_asked_for():
    *_, network = stamped(Timed(PARTS), read_all)
    assert network.request.headers["accept-encoding"] == "identity"
