"""What a long prompt does to a stream that is already running.

An endpoint that computes prompts between the steps of its streams tears gaps into them. Nobody
outside knows when a stream begins to run, so several long prompts follow each other beside one
long stream: at least one of them meets it.
"""

from __future__ import annotations

from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.plan import Block, Call
from labtools.evaluation.prompts import fresh
from labtools.evaluation.settings import Settings

STREAM_TOKENS = 400
PROMPT_TOKENS = 4_000
PROMPTS = 3
# From one prompt's end to the next one's start: the stream's own pace shows between them.
APART_S = 0.2


def blocks(settings: Settings, limit: str) -> list[Block]:
    """`interference_runs` streams, each with long prompts beside it."""
    return [_stream_and_prompts(settings, limit, n) for n in range(settings.interference_runs)]


def _stream_and_prompts(settings: Settings, limit: str, number: int) -> Block:
    name = f"interference/{number}"
    seed = f"{settings.seed}/{name}"
    stream = Call(Label.STREAM, {"messages": fresh(200, seed), limit: STREAM_TOKENS})
    prompts = tuple(
        Call(
            Label.PROMPT,
            {"messages": fresh(PROMPT_TOKENS, f"{seed}/{prompt}"), limit: 1},
            APART_S,
            {"input_tokens": PROMPT_TOKENS},
        )
        for prompt in range(PROMPTS)
    )
    return Block(name, AxisName.INTERFERENCE, ((stream,), prompts))
