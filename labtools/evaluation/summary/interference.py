"""What long prompts do to a stream that runs beside them: the gaps that they tear into it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from labtools.clock import elapsed_s
from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.observations import Measured
from labtools.evaluation.probes.interference import PROMPT_TOKENS
from labtools.evaluation.summary.axes import InterferedStream, Interference
from labtools.evaluation.summary.statistics import median
from labtools.records import CallRecord


def interference(measured: Measured) -> Interference:
    """The gaps of each stream while a long prompt was under way, and while none was."""
    streams: dict[str, list[CallRecord]] = defaultdict(list)
    prompts: dict[str, list[CallRecord]] = defaultdict(list)
    for one in measured.on(AxisName.INTERFERENCE):
        (streams if one.label == Label.STREAM else prompts)[one.block].append(one.record)
    runs = [_run(streams[name], prompts[name]) for name in sorted(streams)]
    found = tuple(run for run in runs if run)
    reason = None
    if not runs:
        reason = "Not measured."
    elif not found:
        reason = f"None of {len(runs)} streams ended well."
    return Interference(
        prompt_tokens=PROMPT_TOKENS,
        streams=found,
        usual_gap_s=median(run.usual_gap_s for run in found),
        longest_gap_s=median(run.longest_gap_s for run in found),
        reason=reason,
    )


def _run(streams: Sequence[CallRecord], prompts: Sequence[CallRecord]) -> InterferedStream | None:
    stream = next((one for one in streams if not one.error), None)
    if stream is None:
        return None
    beside: list[float] = []
    apart: list[float] = []
    for start, end in pairwise(stream.chunks_at):
        met = any(start < one.ended_at and one.sent_at < end for one in prompts)
        (beside if met else apart).append(elapsed_s(start, end))
    return InterferedStream(median(apart or beside), max(beside, default=None))
