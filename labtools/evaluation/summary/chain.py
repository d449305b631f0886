"""The chain: step by step, run by run, and what its time is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from labtools.evaluation.labels import AxisName
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.summary.axes import Chain, ChainRun, ChainStep
from labtools.evaluation.summary.statistics import median


def chain(measured: Measured) -> Chain:
    """Medians of each step, sums of each run."""
    runs: dict[int, list[Observation]] = defaultdict(list)
    steps: dict[int, list[Observation]] = defaultdict(list)
    for one in measured.on(AxisName.CHAIN):
        runs[one.number].append(one)
        steps[int(one.at["step"])].append(one)
    summed = tuple(_run(number, calls) for number, calls in runs.items())
    complete = [run for run in summed if run.total_s is not None]
    total_s = median(run.total_s for run in complete)
    whole_s = sum(run.total_s or 0.0 for run in complete)
    if not runs:
        reason = "Not measured."
    elif not complete:
        reason = f"None of {len(runs)} runs had an answer at every step."
    else:
        reason = None
    return Chain(
        steps=tuple(_step(number, steps[number]) for number in sorted(steps)),
        runs=tuple(sorted(summed, key=lambda run: run.run)),
        total_s=total_s,
        ttft_share=sum(run.ttft_s or 0.0 for run in complete) / whole_s if whole_s else None,
        reason=reason,
    )


def _step(number: int, calls: Sequence[Observation]) -> ChainStep:
    answered = [one.record for one in calls if not one.record.error]
    return ChainStep(
        step=number,
        samples=len(answered),
        failed=len(calls) - len(answered),
        input_tokens=median(record.input_tokens for record in answered),
        cached_tokens=median(record.cached_tokens for record in answered),
        ttft_s=median(record.ttft_s for record in answered),
        decode_s=median(record.decode_s for record in answered),
        e2e_latency_s=median(record.e2e_latency_s for record in answered),
    )


def _run(number: int, calls: Sequence[Observation]) -> ChainRun:
    answered = [one.record for one in calls if not one.record.error]
    if len(answered) < len(calls):
        return ChainRun(number, len(calls), len(answered), None, None)
    return ChainRun(
        number,
        len(calls),
        len(answered),
        sum(record.e2e_latency_s or 0.0 for record in answered),
        # A stream that ended well without any output was waited for all the same.
        sum((record.e2e_latency_s or 0.0) - (record.decode_s or 0.0) for record in answered),
    )
