"""One model's serving engine: queue, batch, prefill and token times.

The engine decides *when*; it knows nothing of what is said or of HTTP. A sequence takes a slot on
a replica, waits for its prefill, and then for each of its tokens in turn:

    async with engine.sequence(prompt, rng) as sequence:
        await sequence.prefill()             # until the first token is due
        tokens = sequence.decode(total)      # knows when each of the others is
        await tokens.ended()

Leaving the block frees the slot at once, however it is left. Deadlines are absolute and come
from the latency model, so lateness on the wall clock never accumulates.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from labtools.clock import elapsed_s, sleep
from labtools.mock.prefix_cache import PrefixStore
from labtools.mock.replica import Replica
from labtools.mock.tokens_due import ARRIVED, TokenTimes, Waited, waited_until
from labtools.model.profile import LatencyProfile, RateLimits
from labtools.model.tokens import count_tokens
from labtools.wire.api_error import ApiError

# Requests whose first characters agree go to the same replica: 256 tokens, as at OpenAI
# (https://platform.openai.com/docs/guides/prompt-caching).
_ROUTING_CHARS = 1024
_REMEMBERED_REQUESTS = 100_000


class Engine:
    """The engine behind one model name. `seed` decides every draw."""

    def __init__(self, profile: LatencyProfile, seed: int = 0) -> None:
        self.profile = profile
        self.rate_limiter = RateLimiter(profile.rate_limits)
        self._seed = seed
        self._replicas = [Replica(profile) for _ in range(profile.replicas)]
        self._schemas: set[bytes] = set()
        self._repeats: Counter[bytes] = Counter()

    @property
    def active(self) -> int:
        """Sequences that hold a slot now, over all replicas."""
        return sum(replica.active for replica in self._replicas)

    def rng_for(self, request: bytes) -> random.Random:
        """The random numbers of one request, from the seed and the request itself.

        The same request sent again draws afresh; what else was sent before does not matter.
        """
        digest = hashlib.blake2b(request, digest_size=16).digest()
        if len(self._repeats) > _REMEMBERED_REQUESTS:
            self._repeats.clear()
        self._repeats[digest] += 1
        return random.Random(f"{self._seed}/{digest.hex()}/{self._repeats[digest]}")

    @asynccontextmanager
    async def sequence(
        self,
        prompt: str,
        rng: random.Random,
        *,
        schema: bytes | None = None,
        choices: int = 1,
        cache_key: str | None = None,
    ) -> AsyncIterator[Sequence]:
        """Wait for a slot, hold it, and free it at the end.

        `schema` is what identifies the JSON schema that the answer is bound to. `choices` answers
        share one prefill and decode side by side.
        """
        loop = asyncio.get_running_loop()
        at_server = loop.time() + self.profile.rtt_s
        pace = _draw_pace(self.profile, rng)
        replica = self._replicas[self._replica_index(prompt, rng, cache_key)]
        if self.profile.rtt_s:
            await sleep(self.profile.rtt_s)
        waited = await replica.acquire(choices)
        started_at = loop.time() if waited else at_server
        prefixes = replica.prefixes_for(prompt, started_at)
        new_schema = schema is not None and schema not in self._schemas
        if schema is not None:
            self._schemas.add(schema)
        cached_tokens = prefixes.cached_tokens(prompt, started_at) if prefixes is not None else 0
        setup_s = self.profile.setup_s(cached_tokens, new_schema)
        sequence = Sequence(
            self.profile,
            replica,
            prefixes,
            prompt,
            pace=pace,
            structured=schema is not None,
            cached_tokens=cached_tokens,
            queue_s=elapsed_s(at_server, started_at),
            computes_at=started_at + pace * setup_s,
        )
        try:
            yield sequence
        finally:
            with replica.changing(sequence.waited):
                sequence.leave()
                replica.release(choices)

    def _replica_index(self, prompt: str, rng: random.Random, cache_key: str | None) -> int:
        draw = rng.randrange(len(self._replicas))
        if not self.profile.sticky:
            return draw
        head = f"{cache_key}/{prompt[:_ROUTING_CHARS]}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(head, digest_size=8).digest()
        return int.from_bytes(digest, "big") % len(self._replicas)


class Sequence:
    """A request that holds a slot: when its first token is due, and each one after it."""

    def __init__(
        self,
        profile: LatencyProfile,
        replica: Replica,
        prefixes: PrefixStore | None,
        prompt: str,
        *,
        pace: float,
        structured: bool,
        cached_tokens: int,
        queue_s: float,
        computes_at: float,
    ) -> None:
        self.input_tokens = count_tokens(prompt)
        self.cached_tokens = cached_tokens
        self.queue_s = queue_s
        self.first_token_at = computes_at
        self._profile = profile
        self._replica = replica
        self._prefixes = prefixes
        self._prompt = prompt
        self._pace = pace
        self._structured = structured
        self._decodes = False
        self._held_s = 0.0
        self._waited_for_first = ARRIVED
        self.tokens: TokenTimes | None = None
        """From `decode` on."""

    @property
    def waited(self) -> Waited:
        """Since when it has waited for the instant at which its last token came."""
        return self.tokens.waited() if self.tokens and self.tokens.over else ARRIVED

    async def prefill(self, later_s: float = 0.0) -> None:
        """Wait until the first token is due, and `later_s` longer."""
        replica, prompts = self._replica, self._replica.prompts
        if prompts is None:
            compute_s = self._profile.compute_s(self.cached_tokens, self.input_tokens)
            self.first_token_at += self._pace * compute_s
        else:
            waited = await waited_until(self.first_token_at)
            if self.cached_tokens < self.input_tokens:
                self.first_token_at = await prompts.compute(
                    self.cached_tokens,
                    self.input_tokens,
                    self.first_token_at,
                    self._pace,
                    self._begin_to_decode,
                )
            else:
                with replica.changing(waited):
                    self._begin_to_decode()
        self.first_token_at += later_s
        waited = self._waited_for_first = await waited_until(self.first_token_at)
        if self._prefixes is not None:
            self._prefixes.remember(self._prompt, self.first_token_at)
        if not self._decodes:
            with replica.changing(waited):
                self._begin_to_decode()

    def _begin_to_decode(self) -> None:
        self._replica.decode(+1, self.input_tokens, self._pace)
        self._decodes = True
        self._held_s = self._replica.held_s()

    def leave(self) -> None:
        """Over, however it ended."""
        if self._decodes:
            self._replica.decode(-1, self.input_tokens, self._pace)
        self._replica.leave(self._prefixes, self.tokens)

    def decode(self, total: int, stall_s: float = 0.0) -> TokenTimes:
        """When each of `total` tokens is due; the first with the end of prefill.

        `stall_s` is spent half-way.
        """
        self.tokens = TokenTimes(
            self._replica,
            self.first_token_at,
            (*self._waited_for_first, self._replica.next_number()),
            total,
            structured=self._structured,
            pace=self._pace,
            held_s=self._held_s,
            stall_s=stall_s,
        )
        self._replica.follow(self.tokens)
        return self.tokens


def _draw_pace(profile: LatencyProfile, rng: random.Random) -> float:
    """The request's jitter. Takes the same draws whatever the profile, so that profiles differ
    in their figures and not in their luck."""
    normal, uniform = rng.gauss(0.0, 1.0), rng.random()
    pace = math.exp(profile.jitter_sigma * normal - profile.jitter_sigma**2 / 2)
    return pace * profile.tail_factor if uniform < profile.tail_probability else pace


class RateLimiter:
    """Counts the requests and tokens of one model's endpoint against its limits.

    Each limit is a bucket that holds one minute's allowance and refills at limit / 60 a second, as
    OpenAI describes its limits (https://platform.openai.com/docs/guides/rate-limits).
    """

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
