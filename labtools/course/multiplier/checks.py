"""The checks of the lab on the latency multiplier."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labtools.course.verdict import Verdict, check, expect, not_yet, number_from, right
from labtools.lab.connect import connect
from labtools.lab.trace import Trace
from labtools.model.metrics import amdahl_speedup, percentile
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
