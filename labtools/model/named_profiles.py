"""The named profiles, each with the source of its figures, and profiles from a file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from labtools.errors import ConfigurationError, one_of
from labtools.model.leaderboard import PROVIDERS
from labtools.model.profile import LatencyProfile
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
