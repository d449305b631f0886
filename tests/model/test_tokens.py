"""Four characters are a token: counted, made and cut consistently."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.errors import ConfigurationError
from labtools.model.tokens import count_tokens, filler, prompt_of, split_tokens
from labtools.wire.chat_request import parse_chat_request

any_text = st.text(max_size=200)
TOOL = {
    "type": "function",
    "function": {"name": "read", "parameters": {"type": "object", "properties": {}}},
}


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("five!", 2), ("é" * 8, 2)]
)
def test_characters_are_counted_not_bytes(text, tokens):
    assert count_tokens(text) == tokens


@given(st.integers(0, 500), st.integers())
def test_filler_has_exactly_the_length_that_was_asked_for(tokens, seed):
    text = filler(tokens, random.Random(seed))
    assert count_tokens(text) == tokens
    assert len(text.split()) == tokens  # a word each, which real tokenizers agree with


def test_filler_is_decided_by_its_generator():
    assert filler(50, random.Random(1)) == filler(50, random.Random(1))
    assert filler(50, random.Random(1)) != filler(50, random.Random(2))


@given(any_text)
def test_pieces_are_one_token_each_and_make_up_the_text(text):
    pieces = split_tokens(text)
    assert "".join(pieces) == text
    assert len(pieces) == count_tokens(text)
    assert all(count_tokens(piece) == 1 for piece in pieces)


@given(any_text, st.integers(1, 300))
def test_a_set_number_of_pieces_is_met_with_nearly_equal_ones(text, tokens):
    pieces = split_tokens(text, tokens)
    assert "".join(pieces) == text
    assert len(pieces) == tokens
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def body(messages, tools=()):
    request = {"model": "m", "messages": messages}
    return json.dumps(request | ({"tools": list(tools)} if tools else {})).encode()


@given(st.integers(100, 3000), st.integers(), st.sampled_from([(), (TOOL,), (TOOL, TOOL)]))
def test_a_prompt_has_the_length_that_the_mock_counts(input_tokens, seed, tools):
    messages = prompt_of(input_tokens, random.Random(seed), tools=tools)
    assert count_tokens(parse_chat_request(body(messages, tools)).prompt) == input_tokens


def test_prompts_differ_from_the_first_words_on():
    rng = random.Random(0)
    first, second = (prompt_of(500, rng)[0]["content"] for _ in range(2))
    assert first[:64] != second[:64]


def test_a_prompt_too_short_for_its_frame_says_how_long_the_frame_is():
    with pytest.raises(ConfigurationError, match=r"input_tokens is 5\..*The frame alone takes \d+"):
        prompt_of(5, random.Random(0))
