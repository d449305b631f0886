"""Structured output: what a schema costs.

The same question is answered freely, by a tool call, and as JSON; and schemas that nobody has
sent are sent twice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labtools.evaluation.abilities import Abilities, is_valid
from labtools.evaluation.axes.axis import (
    E2E_LATENCY,
    LATENCIES,
    TTFT,
    Axis,
    Compared,
    Pairing,
    latencies,
    stat_of,
)
from labtools.evaluation.figures import latency_by_form
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import (
    FUNCTIONS,
    PHRASES,
    AxisName,
    Block,
    Call,
    Label,
    instructed,
    response_format,
    tools,
    unseen_schema,
)
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Difference, Part, Stat, difference, median
from labtools.model.profile import LatencyProfile
from labtools.wording import joined

if TYPE_CHECKING:
    from labtools.evaluation.fitting import Fit
    from labtools.evaluation.report import Report

INPUT_TOKENS = 900
# Room for the largest of the tools' arguments; a call that is cut off is no call.
ANSWER_LIMIT = 256
FORMS = (Label.FREEFORM, Label.TOOL_CALL, Label.JSON_SCHEMA)


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    """Rounds of one call of each form that the endpoint knows, and schemas cold and warm."""
    forms = [form for form in FORMS if abilities.knows(form)]
    rounds = [_round(settings, abilities.limit, forms, n) for n in range(settings.structured_calls)]
    if len(forms) == 1:
        return rounds
    numbers = range(settings.cold_schemas)
    return [*rounds, *(_cold_and_warm(settings, abilities.limit, forms[1], n) for n in numbers)]


def _warm_up(_: Settings, abilities: Abilities) -> list[Block]:
    """Each tool's schema once, so that none of the rounds is its first."""
    return [
        Block.single(
            f"warm_up/{form}/{function['name']}",
            AxisName.WARM_UP,
            _call(Label.WARM_UP, form, function, f"warm_up/{form}/{number}", abilities.limit, 0),
        )
        for number, function in enumerate(FUNCTIONS)
        for form in FORMS[1:]
        if abilities.knows(form)
    ]


def _round(settings: Settings, limit: str, forms: Sequence[Label], number: int) -> Block:
    """In an order drawn for it, so that what the endpoint does meanwhile favours no form."""
    name = f"structured/{number}"
    function = FUNCTIONS[number % len(FUNCTIONS)]
    order = random.Random(f"{settings.seed}/{name}").sample(forms, len(forms))
    calls = [_call(form, form, function, f"{name}/{form}", limit, settings.seed) for form in order]
    return Block.single(name, AxisName.STRUCTURED, *calls)


def _cold_and_warm(settings: Settings, limit: str, form: Label, number: int) -> Block:
    """A schema's first call and its second."""
    name = f"cold_schema/{number}"
    rng = random.Random(f"{settings.seed}/{name}")
    function = unseen_schema(FUNCTIONS[number % len(FUNCTIONS)], rng)
    calls = [
        _call(label, form, function, f"{name}/{label}", limit, settings.seed)
        for label in (Label.COLD_SCHEMA, Label.WARM_SCHEMA)
    ]
    return Block.single(name, AxisName.COLD_SCHEMA, *calls)


def _call(
    label: Label, form: Label, function: Mapping[str, Any], nonce: str, limit: str, seed: int
) -> Call:
    """One call about one function. All forms of it have prompts of about the same length."""
    instruction = f"{function['description']} Choose sensible values yourself."
    request: dict[str, Any] = {
        "messages": instructed(INPUT_TOKENS, f"{seed}/{nonce}", instruction),
        limit: ANSWER_LIMIT,
    }
    if form == Label.TOOL_CALL:
        request |= {"tools": tools(function), "tool_choice": "required"}
    elif form == Label.JSON_SCHEMA:
        request |= {"response_format": response_format(function)}
    else:
        request[limit] = 40  # about as long as the arguments
    return Call(label, request)


@dataclass(frozen=True, slots=True)
class Form(Part):
    """One form of answer to the same questions: "freeform", "tool_call" or "json_schema"."""

    form: str
    ttft_s: Stat
    tpot_s: Stat
    e2e_latency_s: Stat
    output_tokens: float | None
    """Median of an answer's length."""
    answered: int
    valid: int | None
    """Answers with the tool's or the schema's required keys and no others; null for freeform."""


@dataclass(frozen=True, slots=True)
class AgainstFreeform(Part):
    """A form less freeform, round by round."""

    form: str
    ttft_s: Difference
    ttft_beyond_length_s: Difference | None
    """The same without what the longer prompt accounts for, as the fitted profile has it."""
    tpot_s: Difference
    e2e_latency_s: Difference
    """Answers differ in length, so this is no cost of the schema alone."""


@dataclass(frozen=True, slots=True)
class Structured(Part):
    """What a schema costs."""

    forms: tuple[Form, ...]
    against_freeform: tuple[AgainstFreeform, ...]
    cold_schema_ttft_s: Stat
    """First calls with schemas that nobody has sent before."""
    warm_schema_ttft_s: Stat
    """Second calls with the same schemas."""
    compiling_s: Difference
    """TTFT of the first less the second."""
    reason: str | None


def structured(measured: Measured, fit: Fit) -> Structured:
    """The forms, each against freeform, and the first call with a schema against the second."""
    forms = [form for form in FORMS if measured.on(AxisName.STRUCTURED, form)]
    bound = [form for form in forms if Label.FREEFORM in forms and form != Label.FREEFORM]
    pairs = measured.pairs(AxisName.COLD_SCHEMA, Label.COLD_SCHEMA, Label.WARM_SCHEMA)
    return Structured(
        forms=tuple(_form(form, measured.on(AxisName.STRUCTURED, form)) for form in forms),
        against_freeform=tuple(_against_freeform(form, measured, fit.prefill) for form in bound),
        cold_schema_ttft_s=stat_of([cold for cold, _ in pairs], TTFT),
        warm_schema_ttft_s=stat_of([warm for _, warm in pairs], TTFT),
        compiling_s=difference((cold.ttft_s, warm.ttft_s) for cold, warm in pairs),
        reason=None if forms or pairs else "Not measured.",
    )


def _form(form: Label, calls: Sequence[Observation]) -> Form:
    functions = [FUNCTIONS[call.number % len(FUNCTIONS)] for call in calls]  # as `_round` asks
    valid = sum(is_valid(c.record, form, f) for c, f in zip(calls, functions, strict=True))
    return Form(
        form,
        **latencies(calls),
        output_tokens=median(call.output_tokens for call in calls),
        answered=sum(not call.failed for call in calls),
        valid=None if form == Label.FREEFORM else valid,
    )


def _against_freeform(form: Label, measured: Measured, prefill: LatencyProfile) -> AgainstFreeform:
    pairs = measured.pairs(AxisName.STRUCTURED, form, Label.FREEFORM)
    less = {
        name: difference((value(bound), value(free)) for bound, free in pairs)
        for name, value in LATENCIES.items()
    }
    return AgainstFreeform(form, ttft_beyond_length_s=_beyond_length(pairs, prefill), **less)


def _beyond_length(
    pairs: Sequence[tuple[Observation, Observation]], prefill: LatencyProfile
) -> Difference | None:
    """The schema is part of the prompt; what its tokens take to read is left out."""

    def as_long_s(bound: Observation, free: Observation) -> float | None:
        shorter, longer = free.record.input_tokens, bound.record.input_tokens
        if free.ttft_s is None or shorter is None or longer is None:
            return None
        return free.ttft_s + prefill.compute_s(shorter, longer)

    found = difference((bound.ttft_s, as_long_s(bound, free)) for bound, free in pairs)
    return found if found.pairs and prefill.compute_s(0, 1) else None


def schema_warm(report: Report) -> str | None:
    """What a schema costs once the endpoint knows it."""
    return " ".join(filter(None, map(_warm_cost, report.structured.against_freeform))) or None


def _warm_cost(row: AgainstFreeform) -> str | None:
    """TTFT beyond the prompt's length, and TPOT, of one form."""
    ttft = (row.ttft_beyond_length_s or row.ttft_s).words("round")
    if ttft is None:
        return None
    beyond = " beyond its longer prompt" if row.ttft_beyond_length_s else ""
    costs = [f"{ttft} of TTFT{beyond}"]
    if tpot := row.tpot_s.words("round"):
        costs.append(f"{tpot} a token")
    name = "A" + PHRASES[row.form][1:]
    return f"{name}, its schema known, takes {joined(costs)}, against freeform."


def schema_cold(report: Report) -> str | None:
    """What a schema costs the first time."""
    cost = report.structured.compiling_s.words("schema")
    return cost and f"A schema's first call takes {cost} to its first token than its second."


def invalid_answers(report: Report) -> str | None:
    """Answers that an agent could not have used."""
    bad = [
        f"{row.answered - row.valid} of {row.answered} to {PHRASES[row.form]}"
        for row in report.structured.forms
        if row.valid is not None and row.valid < row.answered
    ]
    said = "Answers without exactly the required keys, each one a retry"
    return f"{said}: {joined(bad)}." if bad else None


STRUCTURED = Axis(
    blocks=_blocks,
    warm_up=_warm_up,
    summary=lambda measured, fit: {"structured": structured(measured, fit)},
    rules=[schema_warm, schema_cold, invalid_answers],
    stats=lambda report: {PHRASES[row.form]: row.e2e_latency_s for row in report.structured.forms},
    figures={"forms": latency_by_form},
    section="structured.html",
    pairings=[
        Pairing(
            AxisName.STRUCTURED, (), [Compared(PHRASES[form], E2E_LATENCY, form) for form in FORMS]
        ),
        Pairing(
            AxisName.COLD_SCHEMA,
            (),
            [
                Compared("TTFT with a new schema", TTFT, Label.COLD_SCHEMA),
                Compared("TTFT of a schema’s second call", TTFT, Label.WARM_SCHEMA),
            ],
            by_tools=True,
        ),
    ],
)
