"""One model's serving engine: queue, batch, prefill and token times.

The engine decides *when*; it knows nothing of what is said or of HTTP. A sequence takes a slot on
a replica, waits for its prefill, and then for each of its tokens in turn:

    async with engine.sequence(prompt, rng) as sequence:
        await sequence.prefill()                       # until the first token is due
        async for reached in sequence.steps(total):    # whenever tokens are due: how many by now
            ...

Leaving the block frees the slot at once, however it is left. Deadlines are absolute and come
from the latency model, so lateness on the wall clock never accumulates.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from labtools.clock import elapsed_s
from labtools.endpoint.prefix_cache import PrefixStore
from labtools.endpoint.rate_limiter import RateLimiter
from labtools.latency_model import LatencyProfile
from labtools.tokens import count_tokens

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
        self._replicas = [_Replica(profile) for _ in range(profile.replicas)]
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
            await asyncio.sleep(self.profile.rtt_s)
        waited = await replica.acquire(choices)
        try:
            started_at = loop.time() if waited else at_server
            new_schema = schema is not None and schema not in self._schemas
            if schema is not None:
                self._schemas.add(schema)
            input_tokens = count_tokens(prompt)
            cached_tokens = replica.cached_tokens(prompt, started_at)
            prefill_s = pace * self.profile.prefill_s(input_tokens, cached_tokens, new_schema)
            yield Sequence(
                replica,
                prompt,
                pace=pace,
                structured=schema is not None,
                input_tokens=input_tokens,
                cached_tokens=cached_tokens,
                queue_s=elapsed_s(at_server, started_at),
                first_token_at=started_at + prefill_s,
            )
        finally:
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
        replica: _Replica,
        prompt: str,
        *,
        pace: float,
        structured: bool,
        input_tokens: int,
        cached_tokens: int,
        queue_s: float,
        first_token_at: float,
    ) -> None:
        self.input_tokens = input_tokens
        self.cached_tokens = cached_tokens
        self.queue_s = queue_s
        self.first_token_at = first_token_at
        self._replica = replica
        self._prompt = prompt
        self._pace = pace
        self._structured = structured

    async def prefill(self, later_s: float = 0.0) -> None:
        """Wait until the first token is due, and `later_s` longer."""
        self.first_token_at += later_s
        await _sleep_until(self.first_token_at)
        self._replica.remember(self._prompt, self.first_token_at)

    async def steps(self, total: int, stall_s: float = 0.0) -> AsyncIterator[int]:
        """How many of `total` steps have been reached, whenever more are.

        The first is reached with the end of prefill. A step's length is decided when it begins,
        by the number of active sequences then. When the process is late, the steps that are due
        come as one. `stall_s` is spent half-way.
        """
        loop = asyncio.get_running_loop()
        anchor_at, anchor, step_s, active = self.first_token_at, 1, 0.0, 0
        for reached in range(1, total):
            if self._replica.active != active:
                active = self._replica.active
                current_s = self._replica.step_s(self._structured, self._pace)
                if current_s != step_s:
                    anchor_at += (reached - anchor) * step_s
                    anchor, step_s = reached, current_s
            if stall_s and reached == max(1, total // 2):
                anchor_at += stall_s
            due_at = anchor_at + (reached + 1 - anchor) * step_s
            wait_s = due_at - loop.time()
            if wait_s > 0:
                yield reached
                await asyncio.sleep(due_at - loop.time())
        yield total


class _Replica:
    """One copy of the model: its slots, who waits for them, and the prefixes it holds."""

    def __init__(self, profile: LatencyProfile) -> None:
        self.active = 0
        self._profile = profile
        self._capacity = profile.max_batch or math.inf
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._prefixes = PrefixStore(profile.prefix_cache) if profile.prefix_cache else None

    def step_s(self, structured: bool, pace: float) -> float:
        return self._profile.step_s(self.active, structured, pace)

    def cached_tokens(self, prompt: str, now: float) -> int:
        return 0 if self._prefixes is None else self._prefixes.cached_tokens(prompt, now)

    def remember(self, prompt: str, now: float) -> None:
        if self._prefixes is not None:
            self._prefixes.remember(prompt, now)

    async def acquire(self, slots: int) -> bool:
        """Take slots, in order of arrival. Returns whether that meant waiting."""
        if not self._waiting and self._fits(slots):
            self.active += slots
            return False
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((slots, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._admit_waiting()
            else:
                self.release(slots)
            raise
        return True

    def release(self, slots: int) -> None:
        self.active -= slots
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._waiting:
            slots, turn = self._waiting[0]
            if turn.cancelled():  # whoever waited has left
                self._waiting.popleft()
            elif self._fits(slots):
                self._waiting.popleft()
                self.active += slots
                turn.set_result(None)
            else:
                return

    def _fits(self, slots: int) -> bool:
        # A request for more slots than there are gets the replica to itself.
        return self.active + slots <= self._capacity or self.active == 0


def _draw_pace(profile: LatencyProfile, rng: random.Random) -> float:
    """The request's jitter. Takes the same draws whatever the profile, so that profiles differ
    in their figures and not in their luck."""
    normal, uniform = rng.gauss(0.0, 1.0), rng.random()
    pace = math.exp(profile.jitter_sigma * normal - profile.jitter_sigma**2 / 2)
    return pace * profile.tail_factor if uniform < profile.tail_probability else pace


async def _sleep_until(at: float) -> None:
    await asyncio.sleep(at - asyncio.get_running_loop().time())
