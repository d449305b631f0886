"""The chain of calls that an agent makes: each prompt is the last one's and a little more.

The steps' tool calls and results are written beforehand, so every endpoint reads the same tokens
whatever it answers, and each prompt begins with the whole of the one before.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import E2E_LATENCY, TTFT, Axis, Compared, Pairing
from labtools.evaluation.figures import chain_by_step
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import (
    ASK_TO_ACT,
    FUNCTIONS,
    AxisName,
    Block,
    Call,
    Label,
    conversation,
    tools,
)
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Part, median
from labtools.model.tokens import filler
from labtools.wording import count, duration

if TYPE_CHECKING:
    from labtools.evaluation.report import Report

ANSWER_LIMIT = 256
# What a step's messages hold besides the result: roles, ids, arguments.
_FRAME_TOKENS = 45


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    runs = settings.chain_runs if settings.chain_steps else 0
    return [_chain(settings, abilities, number) for number in range(runs)]


def _chain(settings: Settings, abilities: Abilities, number: int) -> Block:
    name = f"chain/{number}"
    rng = random.Random(f"{settings.seed}/{name}")
    known = tools(*FUNCTIONS) if abilities.tools else []
    frame = len(json.dumps(known, separators=(",", ":"))) // 4
    own_tokens = max(1, settings.chain_tokens - frame)
    messages = conversation(filler(own_tokens, rng))
    calls = []
    for step in range(settings.chain_steps):
        request: dict[str, Any] = {"messages": list(messages)}
        if known:
            request |= {abilities.limit: ANSWER_LIMIT, "tools": known, "tool_choice": "required"}
        else:
            request[abilities.limit] = settings.output_tokens
        calls.append(Call(Label.STEP, request, at={"step": step + 1}))
        messages += _step_taken(rng, step, settings, bool(known))
    return Block.single(name, AxisName.CHAIN, *calls)


def _step_taken(
    rng: random.Random, step: int, settings: Settings, as_tool: bool
) -> list[dict[str, Any]]:
    result = filler(max(1, settings.chain_growth_tokens - _FRAME_TOKENS), rng)
    if not as_tool:
        return [
            {"role": "assistant", "content": "Read it."},
            {"role": "user", "content": f"{result}{ASK_TO_ACT}"},
        ]
    arguments = json.dumps({"path": f"src/part_{step}.py", "first_line": 1, "last_line": 40})
    function = {"name": "read_file", "arguments": arguments}
    return [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": f"call_{step}", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": f"call_{step}", "content": result},
    ]


@dataclass(frozen=True, slots=True)
class ChainStep(Part):
    """One step, over all runs of the chain. Medians in seconds."""

    step: int
    samples: int
    failed: int
    input_tokens: float | None
    cached_tokens: float | None
    ttft_s: float | None
    decode_s: float | None
    e2e_latency_s: float | None


@dataclass(frozen=True, slots=True)
class ChainRun(Part):
    """One run of the chain. Its sums are null unless every step was answered and can be told."""

    run: int
    steps: int
    answered: int
    total_s: float | None
    ttft_s: float | None


@dataclass(frozen=True, slots=True)
class Chain(Part):
    """Calls one after the other, as an agent makes them; inference only, no tool's work."""

    steps: tuple[ChainStep, ...]
    runs: tuple[ChainRun, ...]
    total_s: float | None
    """Median of the complete runs."""
    ttft_share: float | None
    """TTFT's share of all complete runs together."""
    reason: str | None


def chain(measured: Measured) -> Chain:
    """Medians of each step, sums of each run."""
    runs = [_run(calls) for calls in measured.blocks(AxisName.CHAIN).values()]
    steps = measured.by(AxisName.CHAIN, "step")
    totals_s = [run.total_s for run in runs if run.total_s is not None]
    ttfts_s = [run.ttft_s for run in runs if run.ttft_s is not None]
    if not runs:
        reason = "Not measured."
    elif not totals_s:
        reason = f"None of {len(runs)} runs had an answer at every step."
    else:
        reason = None
    share_is_known = any(totals_s) and len(ttfts_s) == len(totals_s)
    return Chain(
        steps=tuple(_step(int(number), calls) for number, calls in steps.items()),
        runs=tuple(sorted(runs, key=lambda run: run.run)),
        total_s=median(totals_s),
        ttft_share=sum(ttfts_s) / sum(totals_s) if share_is_known else None,
        reason=reason,
    )


def _step(number: int, calls: Sequence[Observation]) -> ChainStep:
    answered = [call for call in calls if not call.failed]
    return ChainStep(
        step=number,
        samples=len(answered),
        failed=len(calls) - len(answered),
        input_tokens=median(call.record.input_tokens for call in answered),
        cached_tokens=median(call.record.cached_tokens for call in answered),
        ttft_s=median(call.ttft_s for call in answered),
        decode_s=median(call.decode_s for call in answered),
        e2e_latency_s=median(call.e2e_latency_s for call in answered),
    )


def _run(calls: Sequence[Observation]) -> ChainRun:
    answered = sum(not call.failed for call in calls)
    total_s = ttft_s = None
    if answered == len(calls):
        total_s = sum(call.e2e_latency_s or 0.0 for call in calls)
        if not any(call.in_one_piece for call in calls):
            # A stream that ended well without any output was waited for all the same.
            ttft_s = sum((call.e2e_latency_s or 0.0) - (call.decode_s or 0.0) for call in calls)
    return ChainRun(calls[0].number, len(calls), answered, total_s, ttft_s)


def chain_total(report: Report) -> str | None:
    """How long the chain takes, and how much of that is TTFT."""
    chain, share = report.chain, report.chain.ttft_share
    if chain.total_s is None:
        return None
    totals_s = [run.total_s for run in chain.runs if run.total_s is not None]
    ends = f"{duration(min(totals_s))} to {duration(max(totals_s))} in {len(totals_s)} runs"
    ttft = "how much of it is TTFT is not known" if share is None else f"{share:.0%} of it is TTFT"
    return (
        f"A chain of {count(len(chain.steps), 'step')} spends {duration(chain.total_s)} in "
        f"inference{f' ({ends})' if len(totals_s) > 1 else ''}; {ttft}."
    )


def chain_broken(report: Report) -> str | None:
    """No run of the chain got to its end."""
    chain = report.chain
    if not chain.runs or chain.total_s is not None:
        return None
    best = max(chain.runs, key=lambda run: run.answered)
    return (
        "No run of the chain had an answer at every step, so its length is not known; "
        f"the best had {best.answered} of {best.steps}."
    )


CHAIN = Axis(
    blocks=_blocks,
    summary=lambda measured, _: {"chain": chain(measured)},
    rules=[chain_total, chain_broken],
    figures={"chain": chain_by_step},
    section="chain.html",
    made_for={AxisName.CHAIN: "step"},
    pairings=[
        Pairing(
            AxisName.CHAIN,
            ("chain_steps", "chain_tokens", "chain_growth_tokens", "output_tokens"),
            [
                Compared("a step of the chain", E2E_LATENCY),
                Compared("TTFT of a step of the chain", TTFT),
            ],
            by_tools=True,
        )
    ],
)
