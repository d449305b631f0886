import random

import pytest

from labtools.local_engine.tokenizer import SPECIAL, train
from labtools.model.tokens import filler


@pytest.fixture(scope="module")
def vocabulary():
    pytest.importorskip("tokenizers", reason="the engine's packages are not installed")
    return train(1024)


def test_the_same_text_gives_the_same_vocabulary(vocabulary):
    assert train(1024) == vocabulary


def test_tokens_are_as_many_as_asked_and_each_is_there_once(vocabulary):
    assert len(vocabulary) == len(set(vocabulary.tokens)) == 1024
    assert vocabulary.tokens[-len(SPECIAL) :] == tuple(SPECIAL)


def test_every_byte_has_a_token_and_every_merge_makes_one(vocabulary):
    merged = ["".join(merge.split(" ")) for merge in vocabulary.merges]
    assert set(merged) <= set(vocabulary.tokens)
    assert len(vocabulary) == 256 + len(set(merged)) + len(SPECIAL)
    parts = {part for merge in vocabulary.merges for part in merge.split(" ")}
    assert parts <= set(vocabulary.tokens)


def test_a_word_of_filler_is_a_token(vocabulary):
    words = set(filler(1000, random.Random(1)).split())
    assert {f"Ġ{word}" for word in words} <= set(vocabulary.tokens)
