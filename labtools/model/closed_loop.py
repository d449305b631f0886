"""A closed loop: what a number of clients get, each with one call under way at any time; and the
throughput leaderboard that is made of it, with three providers that it cannot tell apart.

A client sends its next request the moment its last answer ended. In the long run
the clients of a replica are all either decoding or waiting for one of its `max_batch` slots, so
with n of them and a call that holds its slot for S seconds

    e2e  = S * max(1, n / max_batch)
    ttft = e2e - S + the TTFT of a call that finds a free slot

The requests are alike and without jitter, and each replica has its share of the clients (which may
be a fraction). It knows nothing of prompts that are computed in turn (`prefill_chunk_tokens`):
where prefill is a small share of S they hardly matter. Concurrency as benchmarks state it is the
clients of all replicas together.

A leaderboard sends alike prompts from many clients in a closed loop, lets each answer run to a
fixed length, and ranks by output tokens a second over all clients. A third of a second more before
the first token is lost in an answer of eleven seconds; in an agent's call of half a second it is
most of the call. The providers are made up from habits that real ones have; what is set equal is
only their place on the leaderboard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from labtools.errors import require
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile, PrefixCache


@dataclass(frozen=True, slots=True)
class LoopedCall:
    """One call of a closed loop, in the long run."""

    ttft_s: float
    e2e_latency_s: float
    output_tokens: int

    @property
    def tokens_per_s(self) -> float:
        """Output tokens over the end-to-end time, as Oracle's benchmarks define speed."""
        return self.output_tokens / self.e2e_latency_s


def closed_loop(
    profile: LatencyProfile,
    concurrency: int,
    output_tokens: int,
    input_tokens: int = DEFAULT_INPUT_TOKENS,
    cached_tokens: int = 0,
) -> LoopedCall:
    """A call's mean TTFT and end-to-end time with `concurrency` clients in a closed loop.

    Raises ConfigurationError for less than one client or token.
    """
    for name, value in (("concurrency", concurrency), ("output_tokens", output_tokens)):
        require(name, value, at_least=1)
    clients = max(1.0, concurrency / profile.replicas)
    slots = profile.max_batch or math.inf
    active = min(clients, slots)
    ttft_s = profile.ttft_s(input_tokens, cached_tokens)
    decode_s = output_tokens * profile.step_s(active)
    held_s = ttft_s - profile.rtt_s + decode_s
    queue_s = held_s * max(0.0, clients / slots - 1)
    return LoopedCall(ttft_s + queue_s, ttft_s + queue_s + decode_s, output_tokens)


CLIENTS = 32
INPUT_TOKENS = 1_000
OUTPUT_TOKENS = 500
TOKENS_PER_S = 1_400.0


def throughput_per_s(profile: LatencyProfile) -> float:
    """Output tokens a second over all the leaderboard's clients."""
    call = closed_loop(profile, CLIENTS, OUTPUT_TOKENS, INPUT_TOKENS)
    return CLIENTS * call.tokens_per_s


def _placed(profile: LatencyProfile) -> LatencyProfile:
    """The profile with the batching penalty that gives it the leaderboard's throughput."""
    e2e_s = CLIENTS * OUTPUT_TOKENS / TOKENS_PER_S
    step_s = (e2e_s - profile.ttft_s(INPUT_TOKENS)) / OUTPUT_TOKENS
    return profile.but(batch_penalty=(step_s / profile.step_s() - 1) / (CLIENTS - 1))


_SOURCE = "Made up for the comparison. "
_CACHE = PrefixCache(block_tokens=128, minimum_tokens=1024)

LARCH = _placed(
    LatencyProfile(
        "larch",
        source=_SOURCE + "Keeps prefixes, answers at once, compiles nothing.",
        rtt_s=0.03,
        overhead_s=0.06,
        prefill_tokens_per_s=16_000,
        decode_tokens_per_s=110,
        prefix_cache=_CACHE,
    )
)
JUNIPER = _placed(
    LatencyProfile(
        "juniper",
        source=_SOURCE + "Keeps no prefix: every call computes its whole prompt.",
        rtt_s=0.03,
        overhead_s=0.09,
        prefill_tokens_per_s=8_000,
        decode_tokens_per_s=130,
    )
)
SPRUCE = _placed(
    LatencyProfile(
        "spruce",
        source=_SOURCE + "A gateway that costs 0.42 s a request, and schemas that double a step.",
        rtt_s=0.03,
        overhead_s=0.42,
        prefill_tokens_per_s=16_000,
        decode_tokens_per_s=110,
        structured_factor=2.0,
        schema_compile_s=0.8,
        prefix_cache=_CACHE,
    )
)
PROVIDERS = (LARCH, JUNIPER, SPRUCE)
