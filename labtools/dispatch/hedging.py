"""Hedged requests: when the first is late, send a second and take whichever answers first.

The idea is Dean and Barroso's (The Tail at Scale, CACM 56(2), 2013). It helps where a call is
slow by bad luck that the second need not share. It does not help where all calls are slow
together, in a queue or under a rate limit: there it makes the queue longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from labtools.errors import require
from labtools.model.metrics import percentile

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hedged(Generic[T]):
    """What a hedged call returned, and what it took."""

    result: T
    requests: int
    """1, or 2 when the first was late. What the loser cost is the endpoint's to say: at least
    its input, and whatever it had written when it was cancelled."""
    won_by: int
    """Which request the result is from: 1 or 2."""


def hedge_delay_s(latencies_s: Iterable[float], q: float = 0.95) -> float:
    """How long to wait before the second request: the quantile `q` of latencies seen so far.

    A share 1 - q of the calls is then sent twice. Raises NothingMeasured without latencies.
    """
    return percentile(latencies_s, q)


async def hedged(
    call: Callable[[], Awaitable[T]],
    *,
    delay_s: float,
    good: Callable[[T], bool] = lambda _: True,
) -> Hedged[T]:
    """The first good result of `call()` or, if none came within `delay_s`, of a second `call()`.

    The loser is cancelled. `good` tells an answer from a failure that was returned, such as a
    record with an error: a refusal is quick, and must not win the race. When neither is good,
    the first request's outcome stands, be it a result or what it raised. A call that fails
    before `delay_s` is not sent again: this is not a retry.
    """
    require("delay_s", delay_s, at_least=0, finite=False, hint="0 sends both at once.")
    first = asyncio.ensure_future(call())
    racers = [first]
    try:
        done, _ = await asyncio.wait(racers, timeout=delay_s)
        if not done:
            racers.append(asyncio.ensure_future(call()))
        under_way = set(racers)
        while under_way:
            finished, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for number, racer in enumerate(racers, start=1):
                if racer in finished and _is_good(racer, good):
                    return Hedged(racer.result(), len(racers), number)
        return Hedged(first.result(), len(racers), 1)
    finally:
        for racer in racers:
            racer.cancel()
        # Waited for, so that the loser's connection is closed before its winner is used.
        await asyncio.gather(*racers, return_exceptions=True)


def _is_good(task: asyncio.Future[T], good: Callable[[T], bool]) -> bool:
    return not task.cancelled() and task.exception() is None and good(task.result())
