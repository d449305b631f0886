"""Several independent calls at once, with a limit on how many; how long the slowest takes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from statistics import NormalDist
from typing import TypeVar

from labtools.errors import ConfigurationError, require

T = TypeVar("T")

_NORMAL = NormalDist()
# The integrand is smooth and vanishes beyond nine standard deviations; 400 steps give 12 digits.
_STEPS, _REACH = 400, 9.0


async def fan_out(
    calls: Iterable[Callable[[], Awaitable[T]]], *, limit: int | None = None
) -> list[T]:
    """The results of `calls`, in their order, with at most `limit` of them under way.

    Each call is a function without arguments, so that it begins when there is room for it and
    not before: `[lambda: lab.call("read"), ...]`, not `[lab.call("read"), ...]`. A free place
    goes to the call that has waited longest. When one raises, the others are cancelled and
    what it raised is raised. Raises ConfigurationError for a limit below 1 and for what is not
    a function.
    """
    calls = list(calls)
    require("limit", limit, at_least=1, whole=True, optional=True, hint="None is no limit.")
    for index, call in enumerate(calls):
        if not callable(call):
            _close(calls)
            raise ConfigurationError(
                f"Call {index} of {len(calls)} is of type {type(call).__name__}. Pass functions "
                "that make the call, such as `lambda: lab.call(...)`, so that it can begin later."
            )
    results: dict[int, T] = {}
    waiting = iter(enumerate(calls))

    async def worker() -> None:
        # One that raises takes no further call, so none is begun in vain.
        for index, call in waiting:
            results[index] = await call()

    workers = [asyncio.ensure_future(worker()) for _ in range(min(limit or len(calls), len(calls)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[index] for index in range(len(calls))]


def mean_of_slowest(calls: int, jitter_sigma: float) -> float:
    """The mean of the slowest of `calls` independent latencies, in means of one.

    Latencies are lognormal with this sigma and mean 1, as `LatencyProfile.jitter_sigma` has
    them. k E[Phi(Z + sigma)^(k-1)], Z standard normal: the slowest is each of the k with equal
    probability, and weighting by its own length shifts it by sigma. 1 without jitter or with
    one call; 2 Phi(sigma / sqrt 2) with two.
    """
    require("calls", calls, at_least=1, whole=True)
    require("jitter_sigma", jitter_sigma, at_least=0)
    if jitter_sigma == 0:
        return 1.0
    width = 2 * _REACH / _STEPS
    points = (-_REACH + step * width for step in range(_STEPS + 1))
    others_below = (_NORMAL.pdf(z) * _NORMAL.cdf(z + jitter_sigma) ** (calls - 1) for z in points)
    return calls * width * math.fsum(others_below)


def fan_out_speedup(calls: int, jitter_sigma: float) -> float:
    """How many times faster `calls` at once are than one after another, on average.

    The mean of the sum over the mean of the slowest. The calls must not slow each other down.
    """
    return calls / mean_of_slowest(calls, jitter_sigma)


def _close(calls: Iterable[object]) -> None:
    """Coroutines that will never be awaited would each warn of it."""
    for call in calls:
        if asyncio.iscoroutine(call):
            call.close()
