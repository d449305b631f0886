"""The mock's tokenizer: four characters are a token.

OpenAI's rule of thumb for English is four characters a token. The mock makes it exact, so that
anybody can count along. Filler is made of common three-letter words with a space, which most
real tokenizers also count as one token each.
"""

from __future__ import annotations

import random
from itertools import pairwise

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
