"""What a schema costs: the same question answered freely, by a tool call, and as JSON."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.plan import Block, Call, single
from labtools.evaluation.prompts import FUNCTIONS, asked, response_format, tools, unseen
from labtools.evaluation.settings import Settings

INPUT_TOKENS = 900
# Room for the largest of the tools' arguments; a call that is cut off is no call.
ANSWER_LIMIT = 256
FORMS = (Label.FREEFORM, Label.TOOL_CALL, Label.JSON_SCHEMA)


def blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    """Rounds of one call of each form that the endpoint knows, and schemas cold and warm.

    The forms of a round follow each other in an order drawn for it, so that what the endpoint
    does meanwhile favours none.
    """
    forms = [form for form in FORMS if abilities.knows(form)]
    rounds = [_round(settings, abilities, forms, n) for n in range(settings.structured_calls)]
    cold = [_cold_and_warm(settings, abilities, n) for n in range(settings.cold_schemas)]
    return [*rounds, *(block for block in cold if block)]


def warm_up(abilities: Abilities) -> list[Block]:
    """Each tool's schema once, so that none of the rounds is its first."""
    return [
        single(
            f"warm_up/{form}/{function['name']}",
            AxisName.WARM_UP,
            _call(Label.WARM_UP, form, function, f"warm_up/{form}/{number}", abilities.limit, 0),
        )
        for number, function in enumerate(FUNCTIONS)
        for form in FORMS[1:]
        if abilities.knows(form)
    ]


def _round(settings: Settings, abilities: Abilities, forms: list[Label], number: int) -> Block:
    name = f"structured/{number}"
    function = FUNCTIONS[number % len(FUNCTIONS)]
    order = random.Random(f"{settings.seed}/{name}").sample(forms, len(forms))
    calls = [
        _call(form, form, function, f"{name}/{form}", abilities.limit, settings.seed)
        for form in order
    ]
    return single(name, AxisName.STRUCTURED, *calls)


def _cold_and_warm(settings: Settings, abilities: Abilities, number: int) -> Block | None:
    """A schema's first call and its second, as a tool where tools are known."""
    form = next((form for form in FORMS[1:] if abilities.knows(form)), None)
    if form is None:
        return None
    name = f"cold_schema/{number}"
    rng = random.Random(f"{settings.seed}/{name}")
    function = unseen(FUNCTIONS[number % len(FUNCTIONS)], rng)
    calls = [
        _call(label, form, function, f"{name}/{label}", abilities.limit, settings.seed)
        for label in (Label.COLD_SCHEMA, Label.WARM_SCHEMA)
    ]
    return single(name, AxisName.COLD_SCHEMA, *calls)


def _call(
    label: Label, form: Label, function: Mapping[str, Any], nonce: str, limit: str, seed: int
) -> Call:
    """One call about one function. All forms of it have prompts of about the same length."""
    instruction = f"{function['description']} Choose sensible values yourself."
    request: dict[str, Any] = {
        "messages": asked(INPUT_TOKENS, f"{seed}/{nonce}", instruction),
        limit: ANSWER_LIMIT,
    }
    if form == Label.TOOL_CALL:
        request |= {"tools": tools(function), "tool_choice": "required"}
    elif form == Label.JSON_SCHEMA:
        request |= {"response_format": response_format(function)}
    else:
        request[limit] = 40  # about as long as the arguments
    return Call(label, request)
