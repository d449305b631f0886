"""Three providers that a throughput leaderboard cannot tell apart.

A leaderboard sends alike prompts from many clients in a closed loop, lets each answer run to a
fixed length, and ranks by output tokens a second over all clients. A third of a second more before
the first token is lost in an answer of eleven seconds; in an agent's call of half a second it is
most of the call. The providers are made up from habits that real ones have; what is set equal is
only their place on the leaderboard.
"""

from __future__ import annotations

from labtools.errors import ConfigurationError
from labtools.model.closed_loop import closed_loop
from labtools.model.profile import LatencyProfile, PrefixCache

CLIENTS = 32
INPUT_TOKENS = 1_000
OUTPUT_TOKENS = 500
TOKENS_PER_S = 1_400.0


def throughput_per_s(profile: LatencyProfile) -> float:
    """Output tokens a second over all the leaderboard's clients."""
    call = closed_loop(profile, CLIENTS, OUTPUT_TOKENS, INPUT_TOKENS)
    return CLIENTS * call.tokens_per_s


def placed_at(profile: LatencyProfile, tokens_per_s: float = TOKENS_PER_S) -> LatencyProfile:
    """The profile with the batching penalty that gives it this throughput.

    Raises ConfigurationError when it is slower than that even without a penalty, or when it has a
    `max_batch` below the leaderboard's clients.
    """
    if profile.max_batch is not None and profile.max_batch < CLIENTS:
        raise ConfigurationError(
            f"{profile.name} serves {profile.max_batch} at once; the leaderboard sends {CLIENTS}."
        )
    e2e_s = CLIENTS * OUTPUT_TOKENS / tokens_per_s
    step_s = (e2e_s - profile.ttft_s(INPUT_TOKENS)) / OUTPUT_TOKENS
    slowdown = step_s / profile.step_s()
    if slowdown < 1:
        alone = throughput_per_s(profile.but(batch_penalty=0.0))
        raise ConfigurationError(
            f"{profile.name} has {alone:.0f} tokens/s without any batching penalty; it cannot be "
            f"placed at {tokens_per_s:g}."
        )
    return profile.but(batch_penalty=(slowdown - 1) / (CLIENTS - 1))


_SOURCE = "Made up for the comparison. "
_CACHE = PrefixCache(block_tokens=128, minimum_tokens=1024)

LARCH = placed_at(
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
JUNIPER = placed_at(
    LatencyProfile(
        "juniper",
        source=_SOURCE + "Keeps no prefix: every call computes its whole prompt.",
        rtt_s=0.03,
        overhead_s=0.09,
        prefill_tokens_per_s=8_000,
        decode_tokens_per_s=130,
    )
)
SPRUCE = placed_at(
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
