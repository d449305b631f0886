"""The metronome: when it writes, to whom, and what it leaves to others. On the simulated clock."""

import asyncio
import math

import pytest

from labtools.clock import SimLoop
from labtools.mock import server
from labtools.mock.server import Metronome


class Parts:
    """A stream of a letter at each of its instants."""

    def __init__(self, *instants):
        self.left = [(at, b"%c" % (97 + number)) for number, at in enumerate(instants)]

    @property
    def due_at(self):
        return self.left[0][0] if self.left else math.inf

    @property
    def over(self):
        return not self.left

    def take(self):
        now = asyncio.get_running_loop().time()
        due = [part for part in self.left if part[0] <= now]
        self.left = self.left[len(due) :]
        return due


class Connection:
    """What uvicorn's protocol is to the metronome: a transport, and a flow that may be held up."""

    def __init__(self):
        self.written, self.closing, self.write_paused = [], False, False
        self.transport = self.flow = self
        self.drained = asyncio.Event()

    def is_closing(self):
        return self.closing

    def write(self, data):
        size, _, rest = data.partition(b"\r\n")
        assert rest == rest[: int(size, 16)] + b"\r\n"
        self.written.append((asyncio.get_running_loop().time(), rest[:-2]))

    async def drain(self):
        await self.drained.wait()


@pytest.fixture(autouse=True)
def rings_take_no_time(monkeypatch):
    monkeypatch.setattr(server, "monotonic_s", lambda: 0.0)


def on_simulated_time(main):
    loop = SimLoop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


def test_each_part_is_written_at_its_instant_and_the_last_is_left_to_the_caller():
    async def main():
        connection = Connection()
        last = await Metronome().write(Parts(0.0, 0.2, 0.5), connection)
        return connection.written, last, asyncio.get_running_loop().time()

    assert on_simulated_time(main) == ([(0.0, b"a"), (0.2, b"b")], b"c", 0.5)


def test_what_is_due_at_about_one_instant_is_written_at_once_and_nothing_early():
    async def main():
        rings, connections = Metronome(), [Connection() for _ in range(3)]
        instants = [(0.2, 0.9), (0.2004, 0.2008, 0.9), (0.1, 0.3, 0.9)]
        writing = (rings.write(Parts(*at), c) for at, c in zip(instants, connections, strict=True))
        await asyncio.gather(*writing)
        return [connection.written for connection in connections]

    assert on_simulated_time(main) == [
        [(0.2, b"a")],
        [(0.201, b"ab")],
        [(0.1, b"a"), (0.3, b"b")],
    ]


def test_rings_that_take_long_are_as_long_apart_so_that_several_tokens_go_at_once(monkeypatch):
    passing_s = iter(range(1000))
    monkeypatch.setattr(server, "monotonic_s", lambda: next(passing_s) * 0.01)

    async def main():
        connection = Connection()
        await Metronome().write(Parts(0.0, 0.005, 0.01, 0.015, 0.9), connection)
        return connection.written

    assert on_simulated_time(main) == [(0.0, b"a"), (0.02, b"bcd")]


def test_whoever_reads_too_slowly_is_waited_for_and_loses_nothing():
    async def main():
        connection, other, rings = Connection(), Connection(), Metronome()
        connection.write_paused = True

        async def resume():
            await asyncio.sleep(0.25)
            connection.write_paused = False
            connection.drained.set()

        last, *_ = await asyncio.gather(
            rings.write(Parts(0.1, 0.2, 0.3), connection),
            rings.write(Parts(0.1, 0.3), other),
            resume(),
        )
        return connection.written, last, other.written

    assert on_simulated_time(main) == ([(0.25, b"ab")], b"c", [(0.1, b"a")])


@pytest.mark.parametrize("how", ["closed", "cancelled"])
def test_a_reader_that_has_gone_keeps_nobody_else_waiting(how):
    async def main():
        gone, other, rings = Connection(), Connection(), Metronome()
        left = asyncio.ensure_future(rings.write(Parts(0.1, 0.2, 0.3), gone))
        staying = asyncio.ensure_future(rings.write(Parts(0.15, 0.2, 0.3), other))
        await asyncio.sleep(0.12)
        if how == "closed":
            gone.closing = True
        else:
            left.cancel()
        await staying
        left.cancel()
        return gone.written, other.written

    assert on_simulated_time(main) == ([(0.1, b"a")], [(0.15, b"a"), (0.2, b"b")])
