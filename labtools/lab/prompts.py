"""Prompts of a known length, for measuring."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from labtools.errors import ConfigurationError
from labtools.model.tokens import count_tokens, filler
from labtools.wire.generation import render_prompt

LONGEST_TOKENS = 10_000_000
"""More than any endpoint reads, and the most that is made up in seconds."""

# A filler prompt's last words: real models then write until max_tokens stops them.
_INSTRUCTION = "Count upwards from 1, one number to a line, and do not stop."


def prompt_of(
    input_tokens: int, rng: random.Random, *, tools: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, str]]:
    """Messages that are `input_tokens` long at the mock, `tools` included.

    A real tokenizer counts about as many: the filler is words that most of them count as one
    token. Its first words differ from prompt to prompt, so no cache can know it.
    """
    if not isinstance(input_tokens, Integral) or input_tokens > LONGEST_TOKENS:
        raise ConfigurationError(
            f"input_tokens must be a whole number up to {LONGEST_TOKENS:,}; found {input_tokens!r}."
        )
    message = {"role": "user", "content": _INSTRUCTION}
    frame = count_tokens(render_prompt(None, tools, [message]))
    if input_tokens < frame:
        raise ConfigurationError(
            f"A prompt of {input_tokens} tokens is too short; the frame alone takes {frame}."
        )
    text = filler(input_tokens - frame, rng)
    return [{**message, "content": text + _INSTRUCTION}]
