"""The named profiles, each with the source of its figures, profiles from a file, and as text."""

from __future__ import annotations

import json
import math
import textwrap
import tomllib
from collections.abc import Iterable
from pathlib import Path

from labtools.errors import ConfigurationError, one_of
from labtools.model.leaderboard import PROVIDERS
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile, Prices
from labtools.model.published_profiles import PUBLISHED
from labtools.read_back import read_back

ESSAY = "General Compute, Your AI Agent Is Only as Good as Its Inference Speed, 2026"

FAST = LatencyProfile(
    name="fast",
    source=f"{ESSAY}: 150 ms TTFT, 200 ms at the longer context of planning; 200 tokens/s. "
    "The context lengths, 1,000 and 2,000 tokens, are this course's.",
    overhead_s=0.100,
    prefill_tokens_per_s=20_000,
    decode_tokens_per_s=200,
)
SLOW = LatencyProfile(
    name="slow",
    source=f"{ESSAY}: 600 ms TTFT, 60 tokens/s. "
    "The context length, 1,000 tokens, and its share of the TTFT are this course's.",
    overhead_s=0.400,
    prefill_tokens_per_s=5_000,
    decode_tokens_per_s=60,
)

NAMED = {profile.name: profile for profile in (FAST, SLOW, *PUBLISHED)}

WIDTH = 80
_PARAGRAPH = textwrap.TextWrapper(WIDTH, initial_indent="    ", subsequent_indent="    ")


def named_profile(name: str) -> LatencyProfile:
    """The profile of that name, or the provider of the course's leaderboard. Raises
    ConfigurationError that lists the known ones.
    """
    known = NAMED | {provider.name: provider for provider in PROVIDERS}
    if name not in known:
        raise one_of("profile", name, known)
    return known[name]


def load_profiles(path: str | Path) -> dict[str, LatencyProfile]:
    """Profiles from a TOML or JSON file: a table for each, under its name.

    The fields are those of LatencyProfile; `prefix_cache`, `rate_limits` and `prices` are tables.
    Raises ConfigurationError that names the file and the wrong field.
    """
    path = Path(path)
    kind, parse = ("TOML", tomllib.loads) if path.suffix == ".toml" else ("JSON", json.loads)
    try:
        tables = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"Cannot read profiles from {path}: {error}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"Cannot read profiles from {path}: it is no {kind}: {error}. Allowed: a TOML file, "
            "whose name ends in .toml, or a JSON file."
        ) from None
    if not isinstance(tables, dict) or not tables:
        raise ConfigurationError(f"{path} holds no profiles: it needs a table for each, by name.")
    found = {}
    for name, table in tables.items():
        fields = {"name": name, **table} if isinstance(table, dict) else table
        found[name] = read_back(LatencyProfile, fields, f"{path}, profile {name!r}")
    return found


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
