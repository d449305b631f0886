"""When calls go out: several at once, no faster than a rate limit, a second one for a late one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Generic, TypeVar

from labtools.errors import ConfigurationError, require
from labtools.model.metrics import percentile
from labtools.model.profile import Bucket, RateLimits
from labtools.records import CallRecord

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
            for coroutine in filter(asyncio.iscoroutine, calls):
                coroutine.close()  # one that is never awaited warns of it
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


_TOO_MANY_REQUESTS = 429
# Two clocks never agree to the last digit. A millisecond late costs less than a refusal.
_MARGIN_S = 0.001


class Limiter:
    """Lets calls through at the pace of `limits`, in the order in which they ask.

    An endpoint that allows r requests a minute keeps a bucket that holds r and refills at r / 60 a
    second; a request that finds it empty is refused with a 429. A client that knows r can keep the
    same bucket and wait before it sends, which costs nothing, instead of being refused, which costs
    a request. The two drift apart when others use the same key; a 429 and its `retry-after` put
    that right.

    It starts with a full minute's allowance, like an endpoint that has not heard of you lately.
    One limiter serves all the calls that share a limit.
    """

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self.refused = 0
        """How many answers were a 429: 0 while this limiter knows as much as the endpoint."""
        self.waited_s = 0.0
        """Seconds that calls have waited here, added up over the calls."""
        self._buckets = limits.buckets()
        self._not_before = float("-inf")
        self._turn = asyncio.Lock()  # hands over in order of arrival

    async def admit(self, tokens: int = 0) -> None:
        """Wait until one request of `tokens` (its input and the most it may output) may go.

        Raises ConfigurationError for a request that no minute has room for.
        """
        most = self.limits.tokens_per_minute
        if most is not None and tokens > most:
            raise ConfigurationError(
                f"A request of {tokens} tokens never fits a limit of {most} tokens a minute. "
                "Send a shorter prompt or a smaller max_tokens, or ask for a higher limit."
            )
        time = asyncio.get_running_loop().time
        asked_at = time()
        wants = {"requests": 1, "tokens": tokens}
        try:
            async with self._turn:
                # In a loop, because a 429 that comes meanwhile puts the instant off.
                while (wait_s := self._wait_s(wants, time())) > 0:  # noqa: ASYNC110
                    await asyncio.sleep(wait_s + _MARGIN_S)
                for kind, bucket in self._filled(time()).items():
                    bucket.level -= wants[kind]
        finally:
            self.waited_s += time() - asked_at

    async def call(
        self, send: Callable[[], Awaitable[CallRecord]], tokens: int = 0, *, attempts: int = 5
    ) -> CallRecord:
        """`send()` when it may go; sent again after a 429, at most `attempts` times in all.

        A 429 means that the endpoint's bucket is empty whatever this one says, so this one is
        emptied too, and nothing goes before its `retry-after` has passed (without one, before
        the time that a request takes to become free, doubled with each attempt). Returns the
        last record, whatever it says.
        """
        require("attempts", attempts, at_least=1, whole=True)
        for attempt in range(attempts):
            await self.admit(tokens)
            record = await send()
            if record.error is None or record.error.status != _TOO_MANY_REQUESTS:
                break
            self.refused += 1
            self._hold_back(record.error.retry_after_s, attempt)
        return record

    def _wait_s(self, wants: Mapping[str, float], now: float) -> float:
        waits = (bucket.wait_s(wants[kind]) for kind, bucket in self._filled(now).items())
        return max(self._not_before - now, *waits, 0.0)

    def _filled(self, now: float) -> Mapping[str, Bucket]:
        for bucket in self._buckets.values():
            bucket.refill(now)
        return self._buckets

    def _hold_back(self, retry_after_s: float | None, attempt: int) -> None:
        if retry_after_s is None:
            retry_after_s = 60 / (self.limits.requests_per_minute or 60) * 2**attempt
        now = asyncio.get_running_loop().time()
        for bucket in self._filled(now).values():
            bucket.level = min(bucket.level, 0.0)
        self._not_before = max(self._not_before, now + retry_after_s)


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

    The idea is Dean and Barroso's (The Tail at Scale, CACM 56(2), 2013). It helps where a call is
    slow by bad luck that the second need not share. It does not help where all calls are slow
    together, in a queue or under a rate limit: there it makes the queue longer.

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
