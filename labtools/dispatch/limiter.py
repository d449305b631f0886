"""A client's side of a rate limit: send as fast as the endpoint allows, and no faster.

An endpoint that allows r requests a minute keeps a bucket that holds r and refills at r / 60 a
second; a request that finds it empty is refused with a 429. A client that knows r can keep the
same bucket and wait before it sends, which costs nothing, instead of being refused, which costs
a request. The two buckets drift apart when others use the same key; a 429 and its `retry-after`
put that right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from labtools.errors import ConfigurationError, require
from labtools.model.profile import Bucket, RateLimits
from labtools.records import CallRecord

_TOO_MANY_REQUESTS = 429
# Two clocks never agree to the last digit. A millisecond late costs less than a refusal.
_MARGIN_S = 0.001


class Limiter:
    """Lets calls through at the pace of `limits`, in the order in which they ask.

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
        """The buckets as they are now."""
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
