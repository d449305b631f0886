"""What a run may spend, enforced where every request passes: in the transport."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from numbers import Real

import httpx2

from labtools.errors import BudgetExceeded, ConfigurationError
from labtools.model.profile import Prices
from labtools.model.tokens import count_tokens
from labtools.records import TokenCount
from labtools.transport.arrivals import EXTENSION, Around, Arrivals
from labtools.wire.usage import usage_in


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one lab may send. `prices` turn tokens into dollars, for `usd`."""

    requests: float = 200
    tokens: float = 500_000
    usd: float | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        limits = (self.requests, self.tokens, 0 if self.usd is None else self.usd)
        if not all(isinstance(limit, Real) and limit >= 0 for limit in limits):
            raise ConfigurationError(f"A budget's limits must be 0 or more; found {self}.")
        if self.usd is not None and self.prices is None:
            raise ConfigurationError("A budget in dollars needs `prices=Prices(...)`.")

    @classmethod
    def unlimited(cls) -> Budget:
        """For endpoints that cost nothing."""
        return cls(requests=math.inf, tokens=math.inf)


# So many ended requests at most wait to be looked at, or as many as are under way.
_FEW = 100
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.LocalProtocolError,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


class Meter(Around):
    """Lets a request through only if the budget holds its worst case.

    Before: its body's length in tokens and its limit on the output. Afterwards: what the endpoint's
    `usage` says, where it says anything; else the worst case stands.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, budget: Budget) -> None:
        super().__init__(inner)
        self.budget = budget
        self.requests = 0
        self._settled = TokenCount()
        self._under_way = TokenCount()
        self._open: list[tuple[TokenCount, Arrivals]] = []
        self._left_open = _FEW

    @property
    def spent(self) -> TokenCount:
        """Tokens so far; requests under way count as their worst case."""
        self._settle()
        return self._settled + self._under_way

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        worst = _worst_case(await request.aread())
        self._check(worst)
        self.requests += 1
        self._under_way += worst
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            self._under_way -= worst
            if not isinstance(error, _NEVER_SENT):  # It may have been worked on, and paid for.
                self._settled += worst
            raise
        if response.is_success:
            self._open.append((worst, response.extensions[EXTENSION]))
        else:
            self._under_way -= worst
        return response

    def _check(self, worst: TokenCount) -> None:
        # What has ended is looked at where its worst case would not do, and before it piles up.
        limit = self._limit_passed(self._settled + self._under_way, worst)
        if limit or len(self._open) > 2 * self._left_open:
            limit = self._limit_passed(self.spent, worst)
        if not limit:
            return
        raise BudgetExceeded(
            f"The next request would pass this lab's budget of {limit}. Nothing was sent. "
            "To go on, connect with a larger budget: connect(..., budget=Budget(...))."
        )

    def _limit_passed(self, spent: TokenCount, worst: TokenCount) -> str | None:
        """The limit that a request would pass, after so much was spent."""
        budget, after = self.budget, spent + worst
        if self.requests + 1 > budget.requests:
            return f"{budget.requests} requests"
        if after.total > budget.tokens:
            return f"{budget.tokens} tokens ({spent.total} spent, {worst.total} more asked for)"
        if budget.usd is not None and budget.prices and after.cost_usd(budget.prices) > budget.usd:
            return f"{budget.usd} US dollars ({spent.cost_usd(budget.prices):.4f} spent)"
        return None

    def _settle(self) -> None:
        still_open = []
        for worst, arrivals in self._open:
            if arrivals.ended_at is None:
                still_open.append((worst, arrivals))
            else:
                body = b"".join(chunk for _, chunk in arrivals.chunks)
                self._settled += arrivals.counted or usage_in(body) or worst
                self._under_way -= worst
        self._open, self._left_open = still_open, max(_FEW, len(still_open))


def _worst_case(body: bytes) -> TokenCount:
    try:
        asked = json.loads(body)
        limits = ("max_completion_tokens", "max_tokens", "max_output_tokens")
        most = next((asked[name] for name in limits if asked.get(name)), 0)
        output_tokens = int(most) * int(asked.get("n") or 1)
    except (ValueError, TypeError, AttributeError, OverflowError):
        output_tokens = 0
    return TokenCount(count_tokens(body.decode("utf-8", "replace")), 0, output_tokens)
