"""Profiles as text for a terminal: what each one does, and where its figures are from."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable

from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile, Prices

WIDTH = 80
_PARAGRAPH = textwrap.TextWrapper(WIDTH, initial_indent="    ", subsequent_indent="    ")


def listing(profiles: Iterable[LatencyProfile]) -> str:
    """One paragraph a profile, no line longer than `WIDTH`."""
    return "\n\n".join(map(_entry, profiles))


def _entry(profile: LatencyProfile) -> str:
    figures = "; ".join(_figures(profile)) + "."
    source = profile.source or "No source stated."
    return "\n".join([profile.name, _PARAGRAPH.fill(figures), _PARAGRAPH.fill(source)])


def _figures(profile: LatencyProfile) -> list[str]:
    figures = [
        f"TTFT {profile.ttft_s():.3g} s at {DEFAULT_INPUT_TOKENS:,} uncached tokens",
        f"prefill {_rate(profile.prefill_tokens_per_s)}",
        f"decode {_rate(profile.decode_tokens_per_s)} alone",
    ]
    if not math.isinf(profile.attention_pairs_per_s):
        figures.append(f"{profile.attention_pairs_per_s:.3g} pairs of tokens attended to a second")
    if profile.prefill_chunk_tokens:
        figures.append(
            f"prompts in turn, {profile.prefill_chunk_tokens} tokens between two steps of a stream"
        )
    if profile.batch_penalty:
        figures.append(f"each further stream adds {profile.batch_penalty:.3g} of a step")
    if profile.max_batch:
        figures.append(f"{profile.max_batch} streams at once, then a queue")
    if profile.replicas > 1:
        figures.append(f"{profile.replicas} replicas")
    if profile.prefix_cache:
        owner = ", a prompt to a slot" if profile.prefix_cache.per_slot else ""
        figures.append(f"prefix cache, {profile.prefix_cache.ttl_s:g} s to live{owner}")
    if profile.jitter_sigma:
        figures.append(f"jitter sigma {profile.jitter_sigma:g}")
    if profile.tail_probability:
        figures.append(f"{profile.tail_probability:.2%} of calls x{profile.tail_factor:g}")
    if profile.prices != Prices():
        figures.append(
            f"{profile.prices.input_usd_per_million:g}, "
            f"{profile.prices.cached_input_usd_per_million:g} and "
            f"{profile.prices.output_usd_per_million:g} US dollars a million input, cached and "
            "output tokens"
        )
    return figures


def _rate(tokens_per_s: float) -> str:
    return "at once" if math.isinf(tokens_per_s) else f"{tokens_per_s:,.6g} tokens/s"
