"""What a number of clients get from one endpoint, each with one call under way at any time.

A closed loop: a client sends its next request the moment its last answer ended. In the long run
the clients of a replica are all either decoding or waiting for one of its `max_batch` slots, so
with n of them and a call that holds its slot for S seconds

    e2e  = S * max(1, n / max_batch)
    ttft = e2e - S + the TTFT of a call that finds a free slot

The requests are alike and without jitter, and each replica has its share of the clients (which may
be a fraction). It knows nothing of prompts that are computed in turn (`prefill_chunk_tokens`):
where prefill is a small share of S they hardly matter. Concurrency as benchmarks state it is the
clients of all replicas together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from labtools.errors import require
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile


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
