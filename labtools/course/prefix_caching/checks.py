"""Checks of Lab 5."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from labtools.course.prefix_caching.prompt_layout import check_layout
from labtools.course.verdict import Verdict, close, not_yet, number_from, right
from labtools.lab.connect import connect
from labtools.model.named_profiles import FAST
from labtools.model.profile import LatencyProfile, PrefixCache
from labtools.model.tokens import CHARS_PER_TOKEN, filler

__all__ = ["check_cached_tokens", "check_layout", "check_most_saved"]


def check_cached_tokens(cached_tokens: Callable[[int, int, int], int]) -> Verdict:
    """`cached_tokens(shared_tokens, block_tokens, minimum_tokens)` is what the endpoint reports.

    For each case an endpoint with that cache is sent two prompts that begin with the same tokens.
    """
    for shared, block, minimum in (
        (1100, 128, 1024),
        (1000, 128, 1024),
        (1024, 128, 1024),
        (5000, 128, 1024),
        (1000, 16, 0),
    ):
        found = number_from(cached_tokens, shared, block, minimum)
        if isinstance(found, Verdict):
            return found
        expected = _reported(shared, block, minimum)
        if found == expected:
            continue
        case = (
            f"{shared:,} shared tokens, blocks of {block}, at least {minimum:,}: you say "
            f"{found:,.0f}, the endpoint says {expected:,}"
        )
        whole = shared // block * block
        if expected == 0:
            return not_yet(f"{case}. Below the minimum nothing is reused.")
        if found == 0 and shared == minimum:
            return not_yet(f"{case}. Exactly the minimum is enough.")
        if found == shared:
            return not_yet(f"{case}. Only whole blocks count.")
        if found == whole // block:
            return not_yet(f"{case}. That is the number of blocks; return tokens.")
        if found == max(0, shared - minimum) // block * block and minimum:
            return not_yet(f"{case}. From the minimum on, the tokens before it count too.")
        if found in (round(shared / block) * block, whole + block):
            return not_yet(f"{case}. A block that is not full is not kept: round down.")
        return not_yet(f"{case}.")
    return right("whole blocks, and nothing below the minimum.")


def check_most_saved(most_saved_s: Callable[[Sequence[int], float], float]) -> Verdict:
    """`most_saved_s(contexts, prefill_tokens_per_s)` is what the best cache takes off a run.

    Call k has `contexts[k]` input tokens and begins with all those of call k - 1. Two endpoints,
    without a cache and with one of one-token blocks, are sent such a run; the difference is the
    truth.
    """
    for contexts, rate in (([1200, 2000, 2600, 4000], 20_000.0), ([900, 2500], 5_000.0)):
        truth = _run_s(contexts, rate, None) - _run_s(contexts, rate, PrefixCache(1, 0))
        found = number_from(most_saved_s, contexts, rate)
        if isinstance(found, Verdict):
            return found
        if close(found, truth):
            continue
        case = (
            f"Contexts of {contexts} tokens at {rate:,.0f} tokens/s: you say {found:.3f} s, but "
            f"the two runs differ by {truth:.3f} s"
        )
        if close(found, sum(contexts) / rate):
            return not_yet(f"{case}. What a call adds is new to the cache and has to be read.")
        if close(found, sum(contexts[1:]) / rate):
            return not_yet(f"{case}. A call reuses the context of the call before, not its own.")
        if close(found, contexts[0] * (len(contexts) - 1) / rate):
            return not_yet(f"{case}. Not only the first prompt is reused: so is what was added.")
        if close(found, contexts[-1] / rate):
            return not_yet(f"{case}. That is what still has to be read.")
        if close(found, sum(contexts[:-1])):
            return not_yet(f"{case}. Those are tokens; divide by the rate.")
        return not_yet(f"{case}.")
    codex = range(12_000, 84_001, 2_250)
    saved_s = sum(codex[:-1]) / FAST.prefill_tokens_per_s
    return right(
        f"33 calls from 12,000 to 84,000 tokens at {FAST.prefill_tokens_per_s:,.0f} tokens/s "
        f"could save {saved_s:.0f} s."
    )


def _reported(shared: int, block: int, minimum: int) -> int:
    """What the mock reports as cached when two prompts share exactly that many tokens."""
    rng = random.Random(shared)
    frame = len("<|user|>")
    start = filler(shared, rng)[: CHARS_PER_TOKEN * shared - frame]
    prompts = [[{"role": "user", "content": f"{start}{n}{filler(50, rng)}"}] for n in (1, 2)]
    cache = PrefixCache(block_tokens=block, minimum_tokens=minimum)

    async def both() -> int:
        await lab.call(messages=prompts[0], output_tokens=1)
        return (await lab.call(messages=prompts[1], output_tokens=1)).cached_tokens or 0

    with connect("sim", profile=FAST.but(prefix_cache=cache)) as lab:
        cached: int = lab.run(both()).result
    return cached


def _run_s(contexts: Sequence[int], rate: float, cache: PrefixCache | None) -> float:
    text = filler(max(contexts), random.Random(0))
    profile = LatencyProfile("p", 1000, prefill_tokens_per_s=rate, prefix_cache=cache)

    async def agent() -> None:
        for tokens in contexts:
            content = text[: CHARS_PER_TOKEN * tokens - len("<|user|>")]
            await lab.call(messages=[{"role": "user", "content": content}], output_tokens=1)

    with connect("sim", profile=profile) as lab:
        return lab.run(agent()).duration_s
