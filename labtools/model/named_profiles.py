"""The named profiles, each with the source of its figures, profiles from a file, and as text.

Of those that are published, or derived from what is published, each `source` says where a figure is
from, how it was derived, and what is assumed. Tests recompute the derivations. Nothing is priced:
none of the sources states a price.

What none of them shows: decode that slows down with a growing context, for which the latency model
has no term, and prompts that wait for each other's prefill, for which no source has the figures.
(At the assumed prefill rate, `prefill_chunk_tokens=512` would bring the mean TTFT of
oci-llama-3.3-70b at 64 clients from 0.05 to 0.12 s; Oracle saw 0.40 s.)
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from labtools.errors import ConfigurationError, require_one_of
from labtools.files import values_in
from labtools.model.closed_loop import PROVIDERS
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile, PrefixCache
from labtools.read_back import read_back

ORACLE = "Oracle, OCI Generative AI, Benchmark for Meta Llama 3.3 (70B)"
NVIDIA = "NVIDIA, NIM LLM benchmarking guide 1.0, Performance"
MEDUSA = "NVIDIA, Low Latency Inference Chapter 1, 2024"
LMDEPLOY = "InternLM, lmdeploy v0.1.0a1, Benchmark on A100 (FP16)"
TRACELAB = "Zhu et al., TraceLab, 2026, arXiv 2606.30560"

# Its throughput at 256 clients, 8.09 requests/s of 20.16 s each, means 163 calls under way by
# Little's law, not 256, as in a run whose clients finish one by one. The fit takes 256.
OCI_LLAMA_70B = LatencyProfile(
    name="oci-llama-3.3-70b",
    source=f"{ORACLE}: one Large Generic unit, prompts of 480 and answers of 300 tokens on "
    "average, 1 to 256 clients in a closed loop. Decode rate, batching penalty and batch size "
    "are fitted to its nine speeds (tokens over end-to-end time) and to the TTFT at 256 "
    "clients; the TTFT of a lone call is its 0.05 s. Speeds agree within 1%. Its TTFT grows "
    "from 0.16 s at 32 clients to 1.29 s at 128, where this profile still has 0.05 s: the "
    "profile lets no prefill wait for another. Assumed: how the 0.05 s divide, by the "
    f"prefill rate of the same model in {NVIDIA} (12,500 tokens/s on two H100).",
    overhead_s=0.0116,
    prefill_tokens_per_s=12_500,
    decode_tokens_per_s=59.2,
    batch_penalty=0.0103,
    max_batch=204,
    context_limit_tokens=128_000,
)

LATENCY_70B = LatencyProfile(
    name="latency-70b",
    source="Derived: a 70B in fp8 on eight H100, run for latency. 200 tokens/s are 52% of the "
    f"roofline's 383; published: 56% on two H100 ({NVIDIA}: 18.58 ms a token), 49% on eight "
    f"H200 with speculative decoding ({MEDUSA}: 268 tokens/s). Overhead 8 ms and the batching "
    "penalty of 4.5% a stream: the same NIM table (TTFT 48 ms at 500 and 407 ms at 5,000 "
    "tokens; 18.58 to 59.73 ms a token at 1 to 50 streams of 5,000 tokens). Assumed: prefill "
    "35,000 tokens/s, its 12,500 on two GPUs times four at 70%; at most 16 streams at once; "
    "40 ms of network.",
    rtt_s=0.040,
    overhead_s=0.008,
    prefill_tokens_per_s=35_000,
    decode_tokens_per_s=200,
    batch_penalty=0.045,
    max_batch=16,
    context_limit_tokens=128_000,
)

BATCH_13B = LatencyProfile(
    name="batch-13b",
    source="Derived: Llama-2-13B in fp16, a copy on each of eight A100, run for throughput. "
    f"{LMDEPLOY}: 55.3 tokens/s alone (71% of the roofline's 78), 26 and 34 ms a token with 16 "
    "and 32 streams of 128 to 2,176 tokens, which is a penalty of 2.9% a stream; TTFT 40 ms at "
    "128 and 242 ms at 2,048 tokens: 27 ms and 9,500 tokens/s. 48 streams a copy fill the 46 GB "
    "that the weights leave at 90% of the memory, at 1,150 tokens of 0.82 MB. Assumed: eight "
    "copies (as many accelerators as latency-70b has), requests sent to any of them; 40 ms of "
    "network.",
    rtt_s=0.040,
    overhead_s=0.027,
    prefill_tokens_per_s=9_500,
    decode_tokens_per_s=55.3,
    batch_penalty=0.029,
    max_batch=48,
    replicas=8,
    sticky=False,
    context_limit_tokens=4_096,
)

TRACELAB_MEDIAN = LatencyProfile(
    name="tracelab-median",
    source=f"{TRACELAB}, medians over 357,000 calls of coding agents: 40.7 tokens/s; a call has "
    "875 uncached and 119,000 cached input tokens and 214 output tokens, and 95.7% of the "
    "input is read from the cache. The TTFT of 3.1 s at 875 uncached tokens is its residual "
    "for Codex alone, which decodes at 61.3 tokens/s. Assumed: that this TTFT holds for all; "
    "prefill at 10,000 tokens/s (0.09 of the 3.1 s; felt only when the cache misses); no "
    "dependence on load, which a client cannot see; OpenAI's cache granularity (128 tokens, "
    "from 1,024 on) and five minutes to live.",
    overhead_s=3.0125,
    prefill_tokens_per_s=10_000,
    decode_tokens_per_s=40.7,
    prefix_cache=PrefixCache(capacity_tokens=20_000_000),
)

PUBLISHED = (LATENCY_70B, BATCH_13B, OCI_LLAMA_70B, TRACELAB_MEDIAN)


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
    require_one_of("profile", name, known)
    return known[name]


def load_profiles(path: str | Path) -> dict[str, LatencyProfile]:
    """Profiles from a TOML or JSON file: a table for each, under its name.

    The fields are those of LatencyProfile; `prefix_cache`, `rate_limits` and `prices` are tables.
    Raises ConfigurationError that names the file and the wrong field.
    """
    tables = values_in(path)
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
    ttft = f"TTFT {profile.ttft_s():.3g} s at {DEFAULT_INPUT_TOKENS:,} uncached tokens"
    figures = "; ".join([ttft, *_figures(profile)]) + "."
    source = profile.source or "No source stated."
    return "\n".join([profile.name, _PARAGRAPH.fill(figures), _PARAGRAPH.fill(source)])


def _figures(owner: Any, within: str = "") -> Iterator[str]:
    """What is not at its default, by the names that a file of profiles uses."""
    for field in fields(owner):
        name, value = f"{within}{field.name}", getattr(owner, field.name)
        if name in ("name", "source") or value == field.default:
            continue
        if is_dataclass(value):
            yield name
            yield from _figures(value, f"{name}.")
        else:
            yield f"{name} {value}" if isinstance(value, bool) else f"{name} {value:,.10g}"
