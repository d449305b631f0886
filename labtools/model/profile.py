"""What a call costs in seconds and in money: one set of formulas.

    ttft = rtt + queue + pace * (overhead + schema_compile if new + cached / reuse rate + compute)
    compute = uncached / prefill rate + (input^2 - cached^2) / 2 / attention rate
    step = pace * structured_factor
           * ((1 + batch_penalty * (active - 1)) / decode rate + context / context rate)
    e2e  = ttft + output_tokens * step          the answer stops by itself: the last step is the
                                                end-of-sequence token
         = ttft + (output_tokens - 1) * step    the answer is cut off by max_tokens

`pace` is 1 without jitter. With it, each request draws one factor: lognormal with mean 1, times
`tail_factor` with probability `tail_probability`.

Prefill attends from each token to all before it: n^2 / 2 pairs in a prompt of n. At the default,
an infinite attention rate, prefill takes time in proportion to the tokens that are not cached.
A cached token is still read and looked up; at the default, an infinite reuse rate, for nothing.
A decode step reads the keys and values of the prompts in its batch: `context` is their tokens,
those of the answers left out. At the default, an infinite context rate, it takes no time.

A request may carry a prediction of its answer. A step then accepts up to
`prediction_tokens_per_step` tokens of it before the one that it computes: `steps_with_prediction`
counts the steps that are left. At the default, 0, predictions are ignored, as at most endpoints.

The mock endpoint simulates these formulas, what-if predictions evaluate them, the evaluator's
fit inverts them and the tests hold everything else against them. Nothing here waits or draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from labtools.errors import ConfigurationError, require

# What a call's prompt holds when nobody says: at it, `fast` and `slow` have the essay's TTFT.
DEFAULT_INPUT_TOKENS = 1000
# What sums of floats may be off by: whoever waited as long as told must be admitted.
_DUST = 1e-9


def _require(owner: object, *names: str, **limits: Any) -> None:
    for name in names:
        require(name, getattr(owner, name), **limits)


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """How an endpoint reuses the prefill of earlier requests."""

    block_tokens: int = 128
    """Reuse is counted in whole blocks of this many tokens."""
    minimum_tokens: int = 1024
    """Prompts with a shorter shared prefix than this get nothing."""
    ttl_s: float = 300.0
    """A block unused for this long is forgotten."""
    capacity_tokens: int = 2_000_000
    """Per replica; the least recently used blocks go first."""
    per_slot: bool = False
    """A slot keeps its last prompt and no other, and only it can go on from there (llama.cpp).
    Then of several requests at once with one prefix, one reuses it. Needs a `max_batch`."""
    reuse_tokens_per_s: float = math.inf
    """Cached tokens that are read and looked up. Infinite: what is cached takes no time."""

    def __post_init__(self) -> None:
        _require(self, "block_tokens", at_least=1, whole=True)
        _require(self, "minimum_tokens", "capacity_tokens", at_least=0, whole=True)
        _require(self, "ttl_s", "reuse_tokens_per_s", above=0, finite=False)

    def cached_tokens(self, shared_tokens: int) -> int:
        """What of `shared_tokens` at two prompts' start is reused: whole blocks, or nothing."""
        tokens = shared_tokens // self.block_tokens * self.block_tokens
        return tokens if tokens >= self.minimum_tokens else 0


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests and tokens that an endpoint accepts in any minute; None is no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def __post_init__(self) -> None:
        limits = ("requests_per_minute", "tokens_per_minute")
        _require(self, *limits, at_least=1, whole=True, optional=True)

    def buckets(self) -> dict[str, Bucket]:
        """A full bucket for each limit there is, by what it limits: requests, tokens."""
        limits = {"requests": self.requests_per_minute, "tokens": self.tokens_per_minute}
        return {kind: Bucket(limit, limit) for kind, limit in limits.items() if limit is not None}


@dataclass(slots=True)
class Bucket:
    """What is left of a limit: at most a minute's allowance, refilled at limit / 60 a second."""

    limit: int
    level: float
    at: float = -math.inf

    def refill(self, now: float) -> None:
        """Add what has come since it was looked at last."""
        self.level = min(self.limit, self.level + (now - self.at) * self.limit / 60)
        self.at = now

    def wait_s(self, amount: float) -> float:
        """Until `amount` is there; more than a full bucket is never there, so wait for full."""
        missing = min(amount, self.limit) - self.level
        return missing * 60 / self.limit if missing > _DUST else 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens."""

    input_usd_per_million: float = 0.0
    cached_input_usd_per_million: float = 0.0
    output_usd_per_million: float = 0.0

    def __post_init__(self) -> None:
        _require(self, *(field.name for field in fields(self)), at_least=0)

    def cost_usd(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """Price of one call; cached tokens are part of the input tokens."""
        return (
            (input_tokens - cached_tokens) * self.input_usd_per_million
            + cached_tokens * self.cached_input_usd_per_million
            + output_tokens * self.output_usd_per_million
        ) / 1e6


@dataclass(frozen=True, slots=True)
class LatencyProfile:
    """One model on one endpoint, as a client can feel it. Times in seconds, rates per second."""

    name: str
    decode_tokens_per_s: float
    """Speed of one stream that has the endpoint to itself."""
    source: str = ""
    """Where the figures are from."""
    rtt_s: float = 0.0
    overhead_s: float = 0.0
    """What every request costs before its first token, whatever its length."""
    prefill_tokens_per_s: float = math.inf
    """Infinite: TTFT does not depend on the prompt's length."""
    attention_pairs_per_s: float = math.inf
    """Pairs of tokens that prefill attends to. Infinite: prefill is linear in the prompt."""
    decode_context_tokens_per_s: float = math.inf
    """Tokens of context that decode reads. Infinite: a step is as fast after any prompt."""
    prefill_chunk_tokens: int | None = None
    """Prompts are computed in order of arrival, so many tokens at a time. A chunk begins when the
    running streams end a step, and takes tokens of several prompts where they fit; between two
    chunks every stream takes one step, all at one pace. None: prefill and decode do not disturb
    each other, as if each had hardware of its own."""
    prediction_tokens_per_step: int = 0
    """Tokens of a request's prediction that one step accepts. 0: predictions are ignored."""
    batch_penalty: float = 0.0
    """Each further active sequence slows every step by this share of the lone step."""
    max_batch: int | None = None
    """Sequences a replica works on at once; further requests queue. None: no limit."""
    replicas: int = 1
    sticky: bool = True
    """With several replicas: whether a prompt's first block decides which one it goes to."""
    structured_factor: float = 1.0
    """Steps of an answer bound to a schema take this many times longer."""
    schema_compile_s: float = 0.0
    """Added to TTFT the first time an endpoint sees a schema."""
    jitter_sigma: float = 0.0
    tail_probability: float = 0.0
    tail_factor: float = 1.0
    context_limit_tokens: int = 1_000_000
    prefix_cache: PrefixCache | None = None
    rate_limits: RateLimits = RateLimits()
    prices: Prices = Prices()

    def __post_init__(self) -> None:
        if not self.name or not isinstance(self.name, str):
            raise ConfigurationError(f"A profile needs a name; found {self.name!r}.")
        rates = ("decode_tokens", "prefill_tokens", "attention_pairs", "decode_context_tokens")
        _require(self, *(f"{rate}_per_s" for rate in rates), above=0, finite=False)
        chunk = ("prefill_chunk_tokens", "max_batch")
        _require(self, *chunk, at_least=1, whole=True, optional=True)
        _require(self, "rtt_s", "overhead_s", "schema_compile_s", at_least=0)
        _require(self, "batch_penalty", "jitter_sigma", at_least=0)
        _require(self, "prediction_tokens_per_step", at_least=0, whole=True)
        _require(self, "replicas", "context_limit_tokens", at_least=1, whole=True)
        _require(self, "structured_factor", "tail_factor", above=0)
        _require(self, "tail_probability", at_least=0, at_most=1)
        if self.prefix_cache and self.prefix_cache.per_slot and self.max_batch is None:
            raise ConfigurationError(
                "A prefix cache per slot needs to know how many slots there are: set max_batch."
            )

    def but(self, **changes: Any) -> LatencyProfile:
        """This profile with some fields changed. An unknown field names the known ones."""
        known = {field.name for field in fields(self)}
        for name in changes.keys() - known:
            raise ConfigurationError(
                f"A profile has no field {name!r}. Fields: {', '.join(sorted(known))}."
            )
        return replace(self, **changes)

    def prefill_s(
        self, input_tokens: int, cached_tokens: int = 0, new_schema: bool = False
    ) -> float:
        """The endpoint's own work before the first token of a lone request, at pace 1."""
        return self.setup_s(cached_tokens, new_schema) + self.compute_s(cached_tokens, input_tokens)

    def setup_s(self, cached_tokens: int = 0, new_schema: bool = False) -> float:
        """What comes before the prompt is computed, and keeps no other request waiting."""
        cache = self.prefix_cache
        reuse_s = cached_tokens / cache.reuse_tokens_per_s if cache else 0.0
        return self.overhead_s + (self.schema_compile_s if new_schema else 0.0) + reuse_s

    def compute_s(self, start: float, end: float) -> float:
        """Computing a prompt's tokens from number `start` up to `end`, those before being known."""
        pairs = (end**2 - start**2) / 2
        return (end - start) / self.prefill_tokens_per_s + pairs / self.attention_pairs_per_s

    def ttft_s(
        self,
        input_tokens: int = DEFAULT_INPUT_TOKENS,
        cached_tokens: int = 0,
        queue_s: float = 0.0,
        new_schema: bool = False,
        pace: float = 1.0,
    ) -> float:
        """Request sent to first token."""
        return self.rtt_s + queue_s + pace * self.prefill_s(input_tokens, cached_tokens, new_schema)

    def step_s(
        self,
        active: float = 1,
        structured: bool = False,
        pace: float = 1.0,
        context_tokens: float = 0,
    ) -> float:
        """One decode step of one stream, while `active` sequences share the replica.

        `context_tokens` is what the prompts of all sequences that decode hold together.
        """
        factor = self.structured_factor if structured else 1.0
        slowdown = 1 + self.batch_penalty * (active - 1)
        reading_s = context_tokens / self.decode_context_tokens_per_s
        return pace / self.decode_tokens_per_s * slowdown * factor + pace * reading_s * factor

    def steps_with_prediction(self, runs: Iterable[int], others: int) -> int:
        """Steps until the last token of an answer.

        The prediction holds `runs` of so many tokens in a row, and not the `others`, of which one
        stands behind each run. (What is left of a run at the very end takes a step of its own.)
        """
        at_once = self.prediction_tokens_per_step + 1
        return sum(run // at_once for run in runs) + others

    def e2e_latency_s(
        self,
        output_tokens: int,
        input_tokens: int = DEFAULT_INPUT_TOKENS,
        cached_tokens: int = 0,
        queue_s: float = 0.0,
        active: int = 1,
        structured: bool = False,
        new_schema: bool = False,
        pace: float = 1.0,
        stops_by_itself: bool = True,
    ) -> float:
        """Request sent to the end of the stream, with `active` like it constant throughout."""
        steps = output_tokens if stops_by_itself else output_tokens - 1
        ttft_s = self.ttft_s(input_tokens, cached_tokens, queue_s, new_schema, pace)
        return ttft_s + steps * self.step_s(active, structured, pace, active * input_tokens)

    def break_even_tokens(self, input_tokens: int = DEFAULT_INPUT_TOKENS) -> float:
        """Output length at which decode takes as long as TTFT: n* = TTFT x rate."""
        return self.ttft_s(input_tokens) * self.decode_tokens_per_s
