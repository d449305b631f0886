"""The checks on CHAPTER_TITLE: of the lab's exercises, and of the claims in claims.toml."""

from __future__ import annotations

from collections.abc import Callable

from labtools.course.verdict import Verdict, check, expect, number_from, right
from labtools.lab.connect import connect
from labtools.lab.trace import Trace


@check
def check_ttft_share(ttft_share: Callable[[float, float, int], float]) -> Verdict:
    """`ttft_share(ttft_s, tokens_per_s, output_tokens)` is TTFT over TTFT plus decode."""
    for ttft_s, rate, tokens in ((0.6, 60, 80), (0.15, 200, 80)):
        found = number_from(ttft_share, ttft_s, rate, tokens)
        decode_s = tokens / rate
        truth = ttft_s / (ttft_s + decode_s)
        # Behind each number that a mistake gives, the words that name the mistake.
        expect(
            found,
            truth,
            f"With {ttft_s} s, {rate} tokens/s and {tokens} tokens you get {found:.3g}",
            (ttft_s / decode_s, ": TTFT over decode. A share is of the whole call."),
            (100 * truth, ", a percentage. Return a share between 0 and 1."),
            otherwise=f"; the share is {truth:.3g}.",
        )
    return right("80 tokens are 31% TTFT on the slow backend and 27% on the fast one.")


@check
def check_speedup(speedup: Callable[[Trace, float], float]) -> Verdict:
    """`speedup(trace, factor)` predicts the run's speed-up if its calls were faster."""
    with connect("sim", profile="slow") as lab:

        async def agent() -> None:
            await lab.call("call", output_tokens=100)
            await lab.tool("tool", 2.0)

        trace = lab.run(agent())
    factor = 4.0
    found = number_from(speedup, trace, factor)
    truth = trace.duration_s / (trace.duration_s - trace.inference_s * (1 - 1 / factor))
    expect(
        found,
        truth,
        f"Calls {factor:g} times faster: you predict {found:.2f} times",
        (factor, ". The tools take as long as before."),
        otherwise=f"; it is {truth:.2f} times.",
    )
    return right("what is not inference stays as long as it was.")
