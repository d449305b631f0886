"""Interference: what a long prompt does to a stream that is already running.

An endpoint that computes prompts between the steps of its streams tears gaps into them. Nobody
outside knows when a stream begins to run, so several long prompts follow each other beside one long
stream: at least one of them meets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from labtools.clock import elapsed_s
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import Axis
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import AxisName, Block, Call, Label, unseen_prompt
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Part, median
from labtools.wording import duration

if TYPE_CHECKING:
    from labtools.evaluation.report import Report

STREAM_TOKENS = 400
PROMPT_TOKENS = 4_000
PROMPTS = 3
# From one prompt's end to the next one's start: the stream's own pace shows between them.
APART_S = 0.2
# A gap this many times the usual one is no jitter of a step.
TORN = 3


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    runs = range(settings.interference_runs)
    return [_stream_and_prompts(settings, abilities.limit, run) for run in runs]


def _stream_and_prompts(settings: Settings, limit: str, number: int) -> Block:
    name = f"interference/{number}"
    seed = f"{settings.seed}/{name}"
    stream = Call(Label.STREAM, {"messages": unseen_prompt(200, seed), limit: STREAM_TOKENS})
    prompts = tuple(
        Call(
            Label.PROMPT,
            {"messages": unseen_prompt(PROMPT_TOKENS, f"{seed}/{prompt}"), limit: 1},
            APART_S,
            {"input_tokens": PROMPT_TOKENS},
        )
        for prompt in range(PROMPTS)
    )
    return Block(name, AxisName.INTERFERENCE, ((stream,), prompts))


@dataclass(frozen=True, slots=True)
class InterferedStream(Part):
    """One running stream, with long prompts sent beside it."""

    usual_gap_s: float | None
    """Median gap between its chunks while no prompt was under way."""
    longest_gap_s: float | None
    """The longest one while a prompt was."""


@dataclass(frozen=True, slots=True)
class Interference(Part):
    """What others' long prompts do to a stream."""

    prompt_tokens: int
    streams: tuple[InterferedStream, ...]
    usual_gap_s: float | None
    """Median over the streams."""
    longest_gap_s: float | None
    """Median over the streams of each one's longest."""
    reason: str | None


def interference(measured: Measured) -> Interference:
    """The gaps of each stream while a long prompt was under way, and while none was."""
    runs = measured.blocks(AxisName.INTERFERENCE).values()
    found = tuple(run for calls in runs if (run := _stream(calls)))
    none_ended = f"None of {len(runs)} streams ended well." if runs else "Not measured."
    return Interference(
        prompt_tokens=PROMPT_TOKENS,
        streams=found,
        usual_gap_s=median(run.usual_gap_s for run in found),
        longest_gap_s=median(run.longest_gap_s for run in found),
        reason=None if found else none_ended,
    )


def _stream(calls: Sequence[Observation]) -> InterferedStream | None:
    streams = [call for call in calls if call.label == Label.STREAM and not call.failed]
    if not streams:
        return None
    beside_s, apart_s = gaps_s(streams[0], [call for call in calls if call.label == Label.PROMPT])
    return InterferedStream(median(apart_s or beside_s), max(beside_s, default=None))


def gaps_s(stream: Observation, prompts: Sequence[Observation]) -> tuple[list[float], list[float]]:
    """Between a stream's chunks, while any of the prompts was under way, and while none was."""
    beside_s: list[float] = []
    apart_s: list[float] = []
    for start, end in pairwise(stream.record.chunks_at):
        met = any(prompt.under_way(start, end) for prompt in prompts)
        (beside_s if met else apart_s).append(elapsed_s(start, end))
    return beside_s, apart_s


def interfered(report: Report) -> str | None:
    """Whether others' long prompts stop a running stream."""
    found = report.interference
    if not found.usual_gap_s or not found.longest_gap_s:
        return None
    stops = found.longest_gap_s > TORN * found.usual_gap_s
    return (
        f"Beside a prompt of {found.prompt_tokens:,} tokens a running stream "
        f"{'stops' if stops else 'goes on'}: the longest gap between chunks is "
        f"{duration(found.longest_gap_s)}, the usual one {duration(found.usual_gap_s)}."
    )


INTERFERENCE = Axis(
    blocks=_blocks,
    summary=lambda measured, _: {"interference": interference(measured)},
    rules=[interfered],
    section="interference.html",
)
