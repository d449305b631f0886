"""How long until the first token, by the length of a prompt that no cache knows."""

from __future__ import annotations

from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.plan import Block, Call, single
from labtools.evaluation.prompts import fresh
from labtools.evaluation.settings import Settings

# TTFT needs no answer to speak of; a few tokens more also say how fast a lone stream decodes.
OUTPUT_TOKENS = 16


def blocks(settings: Settings, limit: str) -> list[Block]:
    """`context_calls` lone calls at each length. `limit` is the endpoint's name for max_tokens."""
    return [
        single(
            name := f"context/{tokens}/{number}",
            AxisName.CONTEXT,
            Call(
                Label.COLD,
                {"messages": fresh(tokens, f"{settings.seed}/{name}"), limit: OUTPUT_TOKENS},
                at={"input_tokens": tokens},
            ),
        )
        for tokens in settings.contexts
        for number in range(settings.context_calls)
    ]
