"""Rate limits as a provider enforces them: a bucket that refills all the time.

Each limit is a bucket that holds one minute's allowance and refills at limit / 60 a second, as
OpenAI describes its limits (https://platform.openai.com/docs/guides/rate-limits).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from labtools.model.profile import RateLimits
from labtools.wire.api_error import ApiError

# What sums of floats may be off by: whoever waited as long as told must be admitted.
_DUST = 1e-9


@dataclass(slots=True)
class _Bucket:
    limit: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        self.level = min(self.limit, self.level + (now - self.at) * self.limit / 60)
        self.at = now

    def wait_s(self, amount: float) -> float:
        """Until `amount` is there; more than a full bucket is never there, so wait for full."""
        missing = min(amount, self.limit) - self.level
        return missing * 60 / self.limit if missing > _DUST else 0.0


class RateLimiter:
    """Counts the requests and tokens of one model's endpoint against its limits."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = {
            "requests": limits.requests_per_minute,
            "tokens": limits.tokens_per_minute,
        }
        self._buckets: dict[str, _Bucket] = {}

    def admit(self, tokens: int, now: float) -> dict[str, str]:
        """Count one request of `tokens` (its input and the most it may output).

        Returns the `x-ratelimit-*` headers. Raises ApiError (429) with `retry-after` when there
        is no room; a refused request costs nothing.
        """
        wants = {"requests": 1, "tokens": tokens}
        for kind, limit in self._limits.items():
            if limit is not None:
                bucket = self._buckets.setdefault(kind, _Bucket(limit, limit, now))
                bucket.refill(now)
        waits = {kind: bucket.wait_s(wants[kind]) for kind, bucket in self._buckets.items()}
        if any(waits.values()):
            kind = max(waits, key=lambda kind: waits[kind])
            retry_after_s = math.ceil(waits[kind] * 1000) / 1000
            raise ApiError(
                429,
                f"Rate limit reached for {kind}: limit {self._limits[kind]} a minute, "
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
