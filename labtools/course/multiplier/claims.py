"""Claims about one call, many calls, and the share of inference.

The published figures about the runs of real coding agents were measured by others, as their
`source` says, the key of the work in the bibliography.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from labtools.coding_agent.essay import CASE_STUDY_SHARE
from labtools.course.ledger import Finding, about
from labtools.model.metrics import amdahl_speedup
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.profile import LatencyProfile


@dataclass(frozen=True, slots=True)
class CallsPerTask:
    """Percentiles of the number of LLM calls that one task takes."""

    source: str
    p50: int
    p90: int
    p99: int


CODEX_CALLS = CallsPerTask("codextraces", 30, 57, 90)
"""Codex on SWE-bench Pro, 610 successful runs; the mean is 33."""
DEVELOPERS_CALLS = CallsPerTask("tracelab2026", 1, 20, 86)
"""A request of one of 43 developers to their agent."""

CODEX_MEAN_CALLS = 33
CODEX_FIRST_TOKENS, CODEX_LAST_TOKENS = 12_000, 84_000
"""The context of Codex's first and last call."""
DEVELOPERS_INPUT_TOKENS = 119_000 + 875
"""A developer's median call: cached and uncached input tokens."""

INFERENCE_SHARES = {"tracelab2026": 0.410, "bian2025agentic": 1 - 0.537, "raj2025cpu": 1 - 0.906}
"""Inference's share of the wall clock. The last two are what the heaviest tools leave of it."""


def one_call_or_twenty(*, calls: int) -> Finding:
    """A TTFT that is 100 ms longer, in a chat of one call and in an agent of many."""
    worse = FAST.but(overhead_s=FAST.overhead_s + 0.1)
    once_s = worse.e2e_latency_s(100) - FAST.e2e_latency_s(100)
    often_s = sum(worse.e2e_latency_s(100) - FAST.e2e_latency_s(100) for _ in range(calls))
    return Finding({"once_s": once_s, "often_s": often_s}, about(often_s / once_s, calls))


def calls_per_task(*, low: int, high: int) -> Finding:
    """The range beside the published medians."""
    values = {"codex_p50": CODEX_CALLS.p50, "codex_p90": CODEX_CALLS.p90}
    values |= {"developers_p50": DEVELOPERS_CALLS.p50, "developers_p90": DEVELOPERS_CALLS.p90}
    inside = [low <= calls.p50 <= high for calls in (CODEX_CALLS, DEVELOPERS_CALLS)]
    return Finding(values, all(inside), holds_if=inside[0])


def _backend(
    profile: LatencyProfile,
    *,
    ttft_s: float,
    tokens_per_s: float,
    output_tokens: int,
    calls: int,
    call_s: float,
    total_s: float,
) -> Finding:
    found_s = profile.e2e_latency_s(output_tokens)
    is_the_essays = math.isclose(profile.ttft_s(), ttft_s) and (
        profile.decode_tokens_per_s == tokens_per_s
    )
    holds = is_the_essays and about(found_s, call_s) and about(calls * found_s, total_s)
    return Finding({"found_call_s": found_s, "found_total_s": calls * found_s}, holds)


def slow_backend(**figures: Any) -> Finding:
    """A call and twenty calls on the profile `slow`."""
    return _backend(SLOW, **figures)


def fast_backend(**figures: Any) -> Finding:
    """A call and twenty calls on the profile `fast`."""
    return _backend(FAST, **figures)


def tool_floor() -> Finding:
    """The case study on a backend so fast that its calls take no time."""
    call_ratio = SLOW.e2e_latency_s(100) / FAST.e2e_latency_s(100)
    found = amdahl_speedup(CASE_STUDY_SHARE, call_ratio)
    limit = amdahl_speedup(CASE_STUDY_SHARE, 1e12)
    values = {"share": CASE_STUDY_SHARE, "call_ratio": call_ratio, "found": found, "limit": limit}
    return Finding(values, found < call_ratio and found < limit < math.inf)


def end_to_end(
    *,
    call_low: float,
    call_high: float,
    task_low: float,
    task_high: float,
    share_low: float,
    share_high: float,
) -> Finding:
    """The least and the most that the ranges give, by the side on which the share was measured."""
    slow_low = amdahl_speedup(share_low, call_low, measured_on="slow")
    slow_high = amdahl_speedup(share_high, call_high, measured_on="slow")
    fast_low = amdahl_speedup(share_low, call_low, measured_on="fast")
    fast_high = amdahl_speedup(share_high, call_high, measured_on="fast")
    values = {
        "slow_low": slow_low,
        "slow_high": slow_high,
        "fast_low": fast_low,
        "fast_high": fast_high,
    }
    return Finding(
        values,
        min(slow_low, fast_low) >= task_low,
        holds_if=fast_low >= task_low and fast_high >= task_high,
    )


def inference_share(*, low: float, high: float) -> Finding:
    """The range beside the case study's share and the published ones."""
    values = {"case_study": CASE_STUDY_SHARE, **INFERENCE_SHARES}
    inside = [share for share in values.values() if low <= share <= high]
    return Finding(
        {**values, "inside": len(inside), "sources": len(values)},
        len(inside) > len(values) / 2,
        holds_if=low <= CASE_STUDY_SHARE <= high,
    )
