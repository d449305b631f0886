"""Rate limits as a provider enforces them: a bucket that refills all the time.

Each limit is a bucket that holds one minute's allowance and refills at limit / 60 a second, as
OpenAI describes its limits (https://platform.openai.com/docs/guides/rate-limits).
"""

from __future__ import annotations

import math

from labtools.model.profile import RateLimits
from labtools.wire.api_error import ApiError


class RateLimiter:
    """Counts the requests and tokens of one model's endpoint against its limits."""

    def __init__(self, limits: RateLimits) -> None:
        self._buckets = limits.buckets()

    def admit(self, tokens: int, now: float) -> dict[str, str]:
        """Count one request of `tokens` (its input and the most it may output).

        Returns the `x-ratelimit-*` headers. Raises ApiError (429) with `retry-after` when there
        is no room; a refused request costs nothing.
        """
        wants = {"requests": 1, "tokens": tokens}
        for bucket in self._buckets.values():
            bucket.refill(now)
        waits = {kind: bucket.wait_s(wants[kind]) for kind, bucket in self._buckets.items()}
        if any(waits.values()):
            kind = max(waits, key=lambda kind: waits[kind])
            retry_after_s = math.ceil(waits[kind] * 1000) / 1000
            raise ApiError(
                429,
                f"Rate limit reached for {kind}: limit {self._buckets[kind].limit} a minute, "
                f"requested {wants[kind]}. Try again in {retry_after_s:.3f} s.",
                code="rate_limit_exceeded",
                headers={**self._headers(), "retry-after": f"{retry_after_s:.3f}"},
            )
        for kind, bucket in self._buckets.items():
            bucket.level -= wants[kind]
        return self._headers()

    def _headers(self) -> dict[str, str]:
        headers = {}
        for kind, bucket in self._buckets.items():
            headers[f"x-ratelimit-limit-{kind}"] = str(bucket.limit)
            headers[f"x-ratelimit-remaining-{kind}"] = str(max(0, math.floor(bucket.level)))
            headers[f"x-ratelimit-reset-{kind}"] = f"{bucket.wait_s(bucket.limit):.3f}s"
        return headers
