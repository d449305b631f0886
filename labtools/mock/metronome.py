"""The metronome: one timer for all streams of a server, which write what is due together."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count

# Rings are this far apart at least, so that many streams share the cost of one.
APART_S = 0.001


class Metronome:
    """Wakes whoever waits for an instant, those of about one instant at once. Never early."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self._rang_at = 0.0

    async def until(self, at: float) -> None:
        """Wait until the loop's clock reads `at`, or a little longer."""
        rings = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (at, next(self._numbers), rings))
        if self._waiting[0][2] is rings:
            self._set_timer()
        await rings

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        at = max(self._waiting[0][0], self._rang_at + APART_S)
        self._timer = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._rang_at = asyncio.get_running_loop().time()
        while self._waiting and self._waiting[0][0] <= self._rang_at:
            rings = heappop(self._waiting)[2]
            if not rings.done():
                rings.set_result(None)
        if self._waiting:
            self._set_timer()
