"""What an endpoint keeps of a prompt, and for how long.

Each round sends a prompt that nobody has seen, the same again, the same with more behind it, and
the same with another first word; then, after a pause, prompts that were left alone. The ladder
sends prompts that share ever more of their beginning with one that is known.
"""

from __future__ import annotations

import random
from typing import Any

from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.plan import Block, Call, single
from labtools.evaluation.prompts import ASK_TO_ACT, SYSTEM
from labtools.evaluation.settings import Settings
from labtools.model.tokens import filler

OUTPUT_TOKENS = 16
APPENDED_TOKENS = 300
# Around the edges that endpoints publish: steps of 16 to 128 tokens, a minimum of 1,024.
SHARED_TOKENS = (128, 256, 512, 768, 960, 1_088, 1_280, 1_600, 2_000, 2_400)


def blocks(settings: Settings, limit: str) -> list[Block]:
    """The rounds, the pause and the ladder; nothing when `prefix_rounds` is 0."""
    rounds = [_round(settings, limit, number) for number in range(settings.prefix_rounds)]
    return [*rounds, _pause(settings, limit), _ladder(settings, limit)] if rounds else []


def _round(settings: Settings, limit: str, number: int) -> Block:
    name = f"prefix/{number}"
    text = _text(settings, name)
    rng = random.Random(f"{settings.seed}/{name}/more")
    answered = [
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": filler(APPENDED_TOKENS, rng) + ASK_TO_ACT},
    ]
    return single(
        name,
        AxisName.PREFIX,
        _call(Label.COLD, _messages(text), limit),
        _call(Label.REPEAT, _messages(text), limit),
        _call(Label.APPEND, [*_messages(text), *answered], limit),
        _call(Label.CHANGED_FIRST, _messages("No. " + text[4:]), limit),
    )


def _pause(settings: Settings, limit: str) -> Block:
    """All prompts first, then one pause, then all again: each was left alone for about as long."""
    prompts = [
        _messages(_text(settings, f"prefix/pause/{number}"))
        for number in range(settings.prefix_rounds)
    ]
    before = [_call(Label.BEFORE_PAUSE, prompt, limit) for prompt in prompts]
    after = [
        _call(Label.AFTER_PAUSE, prompt, limit, settings.pause_s if first else 0.0)
        for first, prompt in zip([True, *[False] * len(prompts)], prompts, strict=False)
    ]
    return single("prefix/pause", AxisName.PREFIX, *before, *after)


def _ladder(settings: Settings, limit: str) -> Block:
    name = "prefix/ladder"
    text = _text(settings, name)
    calls = [_call(Label.KNOWN, _messages(text), limit)]
    for shared in SHARED_TOKENS:
        if shared < settings.prefix_tokens:
            rng = random.Random(f"{settings.seed}/{name}/{shared}")
            own = filler(settings.prefix_tokens - shared, rng)
            calls.append(
                _call(Label.SHARED, _messages(text[: 4 * shared] + own), limit, shared=shared)
            )
    return single(name, AxisName.PREFIX, *calls)


def _text(settings: Settings, seed: str) -> str:
    return filler(settings.prefix_tokens, random.Random(f"{settings.seed}/{seed}"))


def _messages(text: str) -> list[dict[str, Any]]:
    return [
        {"role": "system", "content": text + SYSTEM},
        {"role": "user", "content": ASK_TO_ACT},
    ]


def _call(
    label: Label, messages: list[dict[str, Any]], limit: str, wait_s: float = 0.0, **at: float
) -> Call:
    return Call(label, {"messages": messages, limit: OUTPUT_TOKENS}, wait_s, at)
