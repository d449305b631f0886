"""The context: how long until the first token, by the length of a prompt that no cache knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import TPOT, TTFT, Axis, Compared, Pairing, stat_of
from labtools.evaluation.figures import ttft_by_prompt
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import AxisName, Block, Call, Label, unseen_prompt
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Part, Stat, median

if TYPE_CHECKING:
    from labtools.evaluation.fitting import Fit

# TTFT needs no answer to speak of; a few tokens more also say how fast a lone stream decodes.
OUTPUT_TOKENS = 16
PREFILL, ATTENTION = "prefill_tokens_per_s", "attention_pairs_per_s"


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    return [
        Block.single(
            name := f"context/{tokens}/{number}",
            AxisName.CONTEXT,
            Call(
                Label.COLD,
                {
                    "messages": unseen_prompt(tokens, f"{settings.seed}/{name}"),
                    abilities.limit: OUTPUT_TOKENS,
                },
                at={"input_tokens": tokens},
            ),
        )
        for tokens in settings.contexts
        for number in range(settings.context_calls)
    ]


@dataclass(frozen=True, slots=True)
class ContextRow(Part):
    """Lone calls with a prompt of one length that no cache knows."""

    asked_tokens: int
    """The length that was planned."""
    input_tokens: float
    """Median of what the endpoint counted; the plan's where it does not tell."""
    ttft_s: Stat
    tpot_s: Stat


@dataclass(frozen=True, slots=True)
class Contexts(Part):
    """TTFT by context, cold."""

    rows: tuple[ContextRow, ...]
    prefill_tokens_per_s: float | None
    """The fitted profile's: 1 / the slope of TTFT at a short prompt."""
    fixed_s: float | None
    """The fitted profile's TTFT of a prompt of no tokens."""
    reason: str | None
    """Why there are no rows or no slope."""
    attention_pairs_per_s: float | None = None
    """The fitted profile's, where attention bends the line. Null: it is straight."""


def contexts(measured: Measured, fit: Fit) -> Contexts:
    """A row for each length that was asked for, shortest first, and the fitted slope."""
    groups = measured.by(AxisName.CONTEXT, "input_tokens")
    rows = tuple(_row(int(asked), calls) for asked, calls in groups.items())
    if not rows:
        return Contexts((), None, None, "Not measured.")
    fitted = {
        parameter.name: parameter.value
        for parameter in fit.parameters
        if parameter.status in ("measured", "absent")
    }
    if PREFILL not in fitted:
        return Contexts(rows, None, None, "A slope needs TTFT at two lengths.")
    linear, bend = fitted[PREFILL], fitted.get(ATTENTION)
    flat = None if linear or bend else "TTFT does not grow with the prompt beyond the noise."
    return Contexts(rows, linear, fit.prefill.ttft_s(0), flat, bend)


def _row(asked: int, calls: Sequence[Observation]) -> ContextRow:
    counted = median(call.record.input_tokens for call in calls if not call.failed)
    tokens = asked if counted is None else counted
    return ContextRow(asked, tokens, stat_of(calls, TTFT), stat_of(calls, TPOT))


_TTFT = Compared("TTFT at {:,.0f} tokens", TTFT)
CONTEXT = Axis(
    blocks=_blocks,
    summary=lambda measured, fit: {"contexts": contexts(measured, fit)},
    stats=lambda report: {
        f"TTFT at {row.asked_tokens:,} tokens": row.ttft_s for row in report.contexts.rows
    },
    figures={"contexts": ttft_by_prompt},
    section="context.html",
    made_for={AxisName.CONTEXT: "input_tokens"},
    pairings=[Pairing(AxisName.CONTEXT, (), [_TTFT], for_each="input_tokens")],
)
