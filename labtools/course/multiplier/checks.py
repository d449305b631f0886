"""The checks on the latency multiplier: of the lab's exercises, and of the essay's claims.

The published figures about the runs of real coding agents were measured by others, as their
`source` says, the key of the work in the bibliography.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from labtools.coding_agent.essay import CASE_STUDY_SHARE
from labtools.course.ledger import Finding, about
from labtools.course.verdict import Verdict, check, expect, not_yet, number_from, right
from labtools.lab.connect import connect
from labtools.lab.trace import Trace
from labtools.model.metrics import amdahl_speedup, percentile
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.profile import LatencyProfile


@check
def check_ttft_share(ttft_share: Callable[[float, float, int], float]) -> Verdict:
    """`ttft_share(ttft_s, tokens_per_s, output_tokens)` is TTFT over TTFT plus decode."""
    for ttft_s, rate, tokens in ((0.6, 60, 80), (0.15, 200, 80), (2.0, 50, 10)):
        found = number_from(ttft_share, ttft_s, rate, tokens)
        decode_s = tokens / rate
        expected = ttft_s / (ttft_s + decode_s)
        expect(
            found,
            expected,
            f"With {ttft_s} s, {rate} tokens/s and {tokens} tokens you get {found:.3g}",
            (ttft_s / decode_s, ": TTFT over decode. A share is of the whole call."),
            (decode_s / (ttft_s + decode_s), ": that is the share of decode."),
            (100 * expected, ", a percentage. Return a share between 0 and 1."),
            (
                ttft_s / (ttft_s + tokens * rate),
                ". Decode takes tokens / rate seconds, not tokens x rate.",
            ),
            otherwise=f"; decode takes {decode_s:.3g} s, so the share is {expected:.3g}.",
        )
    return right("80 tokens are 31% TTFT on the slow backend and 27% on the fast one.")


@check
def check_speedup(speedup: Callable[[Trace, float], float]) -> Verdict:
    """`speedup(trace, factor)` predicts the whole run's speed-up if its calls were faster.

    Two agents are run on a backend and on one `factor` times as fast; their ratio is the truth.
    """
    for tool_s, factor in ((1.0, 4.0), (5.0, 2.0)):
        slow, fast = (_run_with_tools(rate, tool_s) for rate in (1.0, factor))
        truth = slow.duration_s / fast.duration_s
        found = number_from(speedup, slow, factor)
        share = slow.inference_s / slow.duration_s
        but = f", but the two runs take {slow.duration_s:.2f} s and {fast.duration_s:.2f} s"
        expect(
            found,
            truth,
            f"Tools of {tool_s:g} s, calls {factor:g} times faster: you predict {found:.2f} times",
            (factor, f"{but}. The tools take as long as before."),
            (
                amdahl_speedup(share, factor, measured_on="fast"),
                f"{but}. That formula is for a share measured on the fast backend; this trace is "
                "from the slow one.",
            ),
            (1 / truth, ". A speed-up is the old time over the new one."),
            otherwise=f"{but}: {truth:.2f} times.",
        )
    return right("that is Amdahl's law, with the share measured on the slow backend.")


@check
def check_runs_with_a_slow_call(
    share: float, runs: Sequence[Sequence[float]], q: float = 0.95
) -> Verdict:
    """`share` of the runs hold at least one call above the q-quantile of all calls."""
    calls = [latency_s for run in runs for latency_s in run]
    limit_s = percentile(calls, q)
    hit = sum(any(latency_s > limit_s for latency_s in run) for run in runs) / len(runs)
    of_calls = sum(latency_s > limit_s for latency_s in calls) / len(calls)
    formula = 1 - q ** len(runs[0])
    if isinstance(share, bool) or not isinstance(share, int | float):
        not_yet("`share` should be a number between 0 and 1.")
    expect(
        share,
        hit,
        "",
        (of_calls, f"{share:.0%} is the share of calls above p95. Count runs, not calls."),
        (1 - hit, f"{share:.0%} is the share of runs without any slow call."),
        (100 * hit, f"{share:g} is a percentage. Give a share between 0 and 1."),
        (formula, f"{share:.0%} is what the formula says. Count in `runs`, then compare."),
        otherwise=f"you say {share:.1%}. Count the runs with any call above {limit_s:.3f} s.",
    )
    return right(
        f"{hit:.0%} of these runs met a slow call; the formula says {formula:.0%} for "
        f"{len(runs[0])} independent calls."
    )


def _run_with_tools(rate: float, tool_s: float, calls: int = 10) -> Trace:
    """An agent on a backend `rate` times as fast as 500 ms and 50 tokens/s."""
    profile = LatencyProfile("backend", decode_tokens_per_s=50 * rate, overhead_s=0.5 / rate)

    async def agent() -> None:
        for _ in range(calls):
            await lab.call("call", output_tokens=50)
            await lab.tool("tool", tool_s)

    with connect("sim", profile=profile) as lab:
        return lab.run(agent())


# The claims, by their names in claims.toml.


SIDES: tuple[Literal["slow"], Literal["fast"]] = ("slow", "fast")

CODEX_CALLS = {"codex_p50": 30, "codex_p90": 57}
"""LLM calls that a task takes: Codex on SWE-bench Pro, 610 successful runs; the mean is 33."""
DEVELOPERS_CALLS = {"developers_p50": 1, "developers_p90": 20}
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
    values = CODEX_CALLS | DEVELOPERS_CALLS
    inside = [low <= values[f"{whose}_p50"] <= high for whose in ("codex", "developers")]
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
    ends = {"low": (share_low, call_low), "high": (share_high, call_high)}
    values = {
        f"{side}_{end}": amdahl_speedup(share, factor, measured_on=side)
        for side in SIDES
        for end, (share, factor) in ends.items()
    }
    return Finding(
        values,
        min(values["slow_low"], values["fast_low"]) >= task_low,
        holds_if=values["fast_low"] >= task_low and values["fast_high"] >= task_high,
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
