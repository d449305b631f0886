"""The in-process transport streams: what the application sends is there at once, on the clock."""

import asyncio

import httpx2
import pytest

from labtools import clock
from labtools.errors import ClockError, Deadlock
from labtools.transport.in_process import InProcessTransport


def start(status=200, headers=()):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(content=b"", more=False):
    return {"type": "http.response.body", "body": content, "more_body": more}


def streaming(parts, gap_s=0.1, first_s=0.5):
    """An application that sends its headers, waits, and then sends its parts one by one."""

    async def app(scope, receive, send):
        await send(start())
        await asyncio.sleep(first_s)
        for part in parts:
            await send(body(part, more=True))
            await asyncio.sleep(gap_s)
        await send(body())

    return app


@pytest.fixture
def run(sim):
    """Run `use(client)` against `app`."""

    def run(app, use):
        async def main():
            transport = InProcessTransport(app, sim.loop)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://app", trust_env=False
            ) as client:
                return await use(client)

        return sim.run(main())

    return run


async def arrivals(client, **options):
    loop = asyncio.get_running_loop()
    async with client.stream("GET", "/", **options) as response:
        opened_at = loop.time()
        return opened_at, [(loop.time(), part) async for part in response.aiter_raw()]


def test_parts_sent_a_tenth_of_a_second_apart_arrive_a_tenth_apart(run):
    opened_at, parts = run(streaming([b"a", b"b", b"c", b"d", b"e"]), arrivals)
    assert opened_at == 0
    assert parts == [(0.5, b"a"), (0.6, b"b"), (0.7, b"c"), (0.8, b"d"), (0.9, b"e")]


def test_streams_side_by_side_overlap(run):
    async def three(client):
        await asyncio.gather(*(arrivals(client) for _ in range(3)))
        return asyncio.get_running_loop().time()

    assert run(streaming([b"a", b"b"]), three) == 0.7


def test_the_application_gets_the_request_and_the_client_its_answer(run):
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope, message=await receive())
        await send(start(418, [(b"x-one", b"1"), (b"x-one", b"2")]))
        await send(body(b"short and stout"))

    async def use(client):
        return await client.post("/tea%20pot?a=1&b=%C3%A9", content=b"milk", headers={"X-Y": "Z"})

    response = run(app, use)
    assert (response.status_code, response.content) == (418, b"short and stout")
    assert response.headers.get_list("x-one") == ["1", "2"]
    assert (seen["type"], seen["method"], seen["path"]) == ("http", "POST", "/tea pot")
    assert seen["raw_path"] == b"/tea%20pot"
    assert seen["query_string"] == b"a=1&b=%C3%A9"
    assert (b"x-y", b"Z") in seen["headers"]
    assert seen["message"] == {"type": "http.request", "body": b"milk", "more_body": False}


def test_the_timeout_is_for_each_wait_and_not_for_the_whole(run):
    async def slow_and_steady(client):
        return (await arrivals(client, timeout=1.0))[1]

    assert len(run(streaming([b"x"] * 20, gap_s=0.9), slow_and_steady)) == 20


def test_no_timeout_waits_for_as_long_as_it_takes(run):
    _, parts = run(streaming([b"a"], first_s=10_000), lambda c: arrivals(c, timeout=None))
    assert parts == [(10_000, b"a")]


# applications that fail


async def returns_at_once(scope, receive, send):
    pass


async def raises_at_once(scope, receive, send):
    raise RuntimeError("a bug")


async def stops_in_the_middle(scope, receive, send):
    await send(start())
    await send(body(b"half", more=True))


async def raises_in_the_middle(scope, receive, send):
    await stops_in_the_middle(scope, receive, send)
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    "app", [returns_at_once, raises_at_once, stops_in_the_middle, raises_in_the_middle]
)
def test_an_application_that_stops_looks_like_a_closed_connection(run, app):
    async def use(client):
        with pytest.raises(httpx2.RemoteProtocolError, match="closed the connection"):
            await client.get("/")

    run(app, use)


def test_what_came_before_the_end_is_not_lost(run):
    async def use(client):
        parts = []

        async def read():
            async with client.stream("GET", "/") as response:
                async for part in response.aiter_raw():
                    parts.append(part)

        with pytest.raises(httpx2.RemoteProtocolError):
            await read()
        return parts

    assert run(raises_in_the_middle, use) == [b"half"]


# clients that leave


def noticing(log, cleanup_s=0.0):
    """An application that streams for ever, and notes when it is cancelled."""

    async def app(scope, receive, send):
        await receive()
        await send(start())
        try:
            while True:
                await asyncio.sleep(1)
                await send(body(b"x", more=True))
        finally:
            await asyncio.sleep(cleanup_s)
            log.append(asyncio.get_running_loop().time())

    return app


def test_closing_early_cancels_the_application_and_waits_until_it_has_ended(run):
    log = []

    async def two_parts(client):
        async with client.stream("GET", "/") as response:
            parts = response.aiter_raw()
            await anext(parts)
            await anext(parts)
        assert log == [2.25]

    run(noticing(log, cleanup_s=0.25), two_parts)


@pytest.mark.parametrize("after_s", [0.5, 1.5])
def test_cancelling_cancels_the_application(run, after_s):
    log = []

    async def cancelled(client):
        reading = asyncio.create_task(arrivals(client))
        await asyncio.sleep(after_s)
        reading.cancel()
        await asyncio.wait({reading})
        await asyncio.sleep(0)

    run(noticing(log), cancelled)
    assert log == [after_s]


def test_a_read_timeout_counts_simulated_seconds_and_cancels_the_application(run):
    log = []

    async def impatient(client):
        with pytest.raises(httpx2.ReadTimeout, match=r"No bytes for 0\.5 s"):
            await arrivals(client, timeout=0.5)
        return asyncio.get_running_loop().time()

    assert run(noticing(log), impatient) == 0.5
    assert log == [0.5]


def test_an_application_that_never_answers_is_a_deadlock(run, monkeypatch):
    monkeypatch.setattr(clock, "THREAD_GRACE_S", 0.01)

    async def silent(scope, receive, send):
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(silent, lambda client: client.get("/", timeout=None))


def test_a_client_on_another_loop_is_told_where_it_belongs(sim):
    async def elsewhere():
        transport = InProcessTransport(returns_at_once, sim.loop)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            await client.get("http://app/")

    with pytest.raises(ClockError, match=r"run it with lab\.run"):
        asyncio.run(elsewhere())
