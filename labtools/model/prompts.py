"""Prompts as the model reads them, and such of a known length, for measuring."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from labtools.errors import ConfigurationError
from labtools.model.tokens import count_tokens, filler

LONGEST_TOKENS = 10_000_000
"""More than any endpoint reads, and the most that is made up in seconds."""

# A filler prompt's last words: real models then write until max_tokens stops them.
_INSTRUCTION = "Count upwards from 1, one number to a line, and do not stop."


def render_prompt(
    schema: object, tools: Iterable[Mapping[str, Any]], messages: Iterable[Mapping[str, Any]]
) -> str:
    """The prompt as one text. Two requests share a prefix as far as these texts do."""
    parts = []
    if schema is not None:
        parts.append("<|schema|>" + _dumps(schema))
    parts += ["<|tool|>" + _dumps(tool) for tool in tools]
    for message in messages:
        rest = {k: v for k, v in message.items() if k not in ("role", "content") and v is not None}
        content = message.get("content")
        text = content if isinstance(content, str) else "" if content is None else _dumps(content)
        parts.append(f"<|{message['role']}|>" + text + (_dumps(rest) if rest else ""))
    return "".join(parts)


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


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
