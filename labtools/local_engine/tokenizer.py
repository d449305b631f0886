"""The engine's tokenizer: byte-level BPE, trained on Python's own standard library.

That text is at hand on every machine. A share of `labtools.model.tokens.filler` is mixed in, so
that a prompt of n tokens at the mock is one of about n tokens here.
"""

from __future__ import annotations

import json
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from labtools.model.tokens import filler

TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
END_OF_TEXT = "<|endoftext|>"
CALLING = "<|calling|>"
"""Ends a prompt that has tools: what comes next is a tool call."""
CALL_START, CALL_END = "<tool_call>", "</tool_call>"


class Kind(IntEnum):
    """What a token is to llama.cpp; the numbers are the file format's."""

    NORMAL = 1
    CONTROL = 3
    USER_DEFINED = 4


SPECIAL = {
    END_OF_TEXT: Kind.CONTROL,
    TURN_START: Kind.CONTROL,
    TURN_END: Kind.CONTROL,
    CALLING: Kind.CONTROL,
    CALL_START: Kind.USER_DEFINED,
    CALL_END: Kind.USER_DEFINED,
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens by number, in the byte-level alphabet, and the merges that make them."""

    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    """Each as "left right", most frequent first."""

    def __len__(self) -> int:
        return len(self.tokens)

    def number(self, token: str) -> int:
        return self.tokens.index(token)

    def kind(self, token: str) -> Kind:
        return SPECIAL.get(token, Kind.NORMAL)


def train(tokens: int) -> Vocabulary:
    """A vocabulary of so many tokens, the special ones last. The same text, the same vocabulary.

    Raises ImportError without the package `tokenizers`.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=tokens - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_text(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    by_number = sorted(model["vocab"], key=model["vocab"].__getitem__)
    merges = (merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"])
    return Vocabulary((*by_number, *SPECIAL), tuple(merges))


def _text() -> Iterator[str]:
    yield filler(100_000, random.Random(0))
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        yield path.read_text(encoding="utf-8", errors="replace")
