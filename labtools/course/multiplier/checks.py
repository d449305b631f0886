"""Checks of Lab 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labtools.course.verdict import Verdict, close, not_yet, number_from, right
from labtools.lab.connect import connect
from labtools.lab.trace import Trace
from labtools.model.metrics import amdahl_speedup, percentile
from labtools.model.profile import LatencyProfile


def check_ttft_share(ttft_share: Callable[[float, float, int], float]) -> Verdict:
    """`ttft_share(ttft_s, tokens_per_s, output_tokens)` is TTFT over TTFT plus decode."""
    for ttft_s, tokens_per_s, tokens in ((0.6, 60, 80), (0.15, 200, 80), (2.0, 50, 10)):
        found = number_from(ttft_share, ttft_s, tokens_per_s, tokens)
        if isinstance(found, Verdict):
            return found
        decode_s = tokens / tokens_per_s
        expected = ttft_s / (ttft_s + decode_s)
        if close(found, expected):
            continue
        case = f"With {ttft_s} s, {tokens_per_s} tokens/s and {tokens} tokens you get {found:.3g}"
        if close(found, ttft_s / decode_s):
            return not_yet(f"{case}: TTFT over decode. A share is of the whole call.")
        if close(found, decode_s / (ttft_s + decode_s)):
            return not_yet(f"{case}: that is the share of decode.")
        if close(found, 100 * expected):
            return not_yet(f"{case}, a percentage. Return a share between 0 and 1.")
        if close(found, ttft_s / (ttft_s + tokens * tokens_per_s)):
            return not_yet(f"{case}. Decode takes tokens / rate seconds, not tokens x rate.")
        return not_yet(f"{case}; decode takes {decode_s:.3g} s, so the share is {expected:.3g}.")
    return right("80 tokens are 31% TTFT on the slow backend and 27% on the fast one.")


def check_speedup(speedup: Callable[[Trace, float], float]) -> Verdict:
    """`speedup(trace, factor)` predicts the whole run's speed-up if its calls were faster.

    Two agents are run on a backend and on one `factor` times as fast; their ratio is the truth.
    """
    for tool_s, factor in ((1.0, 4.0), (5.0, 2.0)):
        slow, fast = (_run_with_tools(rate, tool_s) for rate in (1.0, factor))
        truth = slow.duration_s / fast.duration_s
        found = number_from(speedup, slow, factor)
        if isinstance(found, Verdict):
            return found
        if close(found, truth):
            continue
        share = slow.inference_s / slow.duration_s
        case = (
            f"Tools of {tool_s:g} s, calls {factor:g} times faster: you predict {found:.2f} times"
        )
        measured = f"the two runs take {slow.duration_s:.2f} s and {fast.duration_s:.2f} s"
        if close(found, factor):
            return not_yet(f"{case}, but {measured}. The tools take as long as before.")
        if close(found, amdahl_speedup(share, factor, measured_on="fast")):
            return not_yet(
                f"{case}, but {measured}. That formula is for a share measured on the fast "
                "backend; this trace is from the slow one."
            )
        if close(found, 1 / truth):
            return not_yet(f"{case}. A speed-up is the old time over the new one.")
        return not_yet(f"{case}, but {measured}: {truth:.2f} times.")
    return right("that is Amdahl's law, with the share measured on the slow backend.")


def check_runs_with_a_slow_call(
    share: float, runs: Sequence[Sequence[float]], q: float = 0.95
) -> Verdict:
    """`share` of the runs hold at least one call above the q-quantile of all calls."""
    calls = [latency_s for run in runs for latency_s in run]
    limit_s = percentile(calls, q)
    hit = sum(any(latency_s > limit_s for latency_s in run) for run in runs) / len(runs)
    of_calls = sum(latency_s > limit_s for latency_s in calls) / len(calls)
    found = number_from(lambda: share)
    if isinstance(found, Verdict):
        return not_yet("`share` should be a number between 0 and 1.")
    if close(found, hit):
        return right(
            f"{hit:.0%} of these runs met a slow call; the formula says "
            f"{1 - q ** len(runs[0]):.0%} for {len(runs[0])} independent calls."
        )
    if close(found, of_calls):
        return not_yet(f"{found:.0%} is the share of calls above p95. Count runs, not calls.")
    if close(found, 1 - hit):
        return not_yet(f"{found:.0%} is the share of runs without any slow call.")
    if close(found, 100 * hit):
        return not_yet(f"{found:g} is a percentage. Give a share between 0 and 1.")
    if close(found, 1 - q ** len(runs[0])):
        return not_yet(f"{found:.0%} is what the formula says. Count in `runs`, then compare.")
    return not_yet(
        f"you say {found:.1%}. Count the runs in which any call is above {limit_s:.3f} s."
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
