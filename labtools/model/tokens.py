"""The mock's tokenizer: four characters are a token; and prompts as the model reads them.

OpenAI's rule of thumb for English is four characters a token. The mock makes it exact, so that
anybody can count along. Filler is made of common three-letter words with a space, which most
real tokenizers also count as one token each; prompts of it have a known length, for measuring.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from labtools.errors import require

CHARS_PER_TOKEN = 4

_WORDS = """
the and for are but not you all any can had her was one our out day get has him his how
man new now old see two way who boy did its let put say she too use run set try end add
key row map log bug fix own low top far few big bit car cut eat eye fly gas hot ice job
lay leg lie
""".split()
_FILLER = [word + " " for word in _WORDS]


def count_tokens(text: str) -> int:
    """Tokens in `text`, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


def filler(tokens: int, rng: random.Random) -> str:
    """Text of exactly `tokens` tokens. Without meaning, with a meaningful length."""
    return "".join(rng.choices(_FILLER, k=tokens))


def split_tokens(text: str, tokens: int | None = None) -> list[str]:
    """The text in pieces of one token each.

    With `tokens`, in exactly that many pieces of nearly equal length, empty ones included: a
    token is then whatever the caller says it is.
    """
    if tokens is None:
        return [text[i : i + CHARS_PER_TOKEN] for i in range(0, len(text), CHARS_PER_TOKEN)]
    edges = [len(text) * i // tokens for i in range(tokens + 1)]
    return [text[start:end] for start, end in pairwise(edges)]


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
    message = {"role": "user", "content": _INSTRUCTION}
    frame = count_tokens(render_prompt(None, tools, [message]))
    require(
        "input_tokens",
        input_tokens,
        at_least=frame,
        at_most=LONGEST_TOKENS,
        whole=True,
        hint=f"The frame alone takes {frame}.",
    )
    text = filler(input_tokens - frame, rng)
    return [{**message, "content": text + _INSTRUCTION}]


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
