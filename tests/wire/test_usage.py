"""The usage that a body holds, found without reading the whole of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.model.profile import Prices
from labtools.records import TokenCount
from labtools.wire.answer import Answer, Piece, Usage, usage_of
from labtools.wire.chat_writer import ChatWriter
from labtools.wire.usage import usage_in

counts = st.integers(0, 10**9)


@given(counts, counts, counts, st.booleans(), st.text(max_size=50))
def test_what_the_endpoint_writes_is_found_streamed_and_whole(input_, cached, output, null, text):
    usage = Usage(input_, cached, output, 0)
    answers = [Answer((Piece("content", text),), "stop")]
    writer = ChatWriter(id="1", model="m", created=0, answers=answers, usage=True)
    whole = writer.whole(answers, usage)
    stream = writer.opening() + writer.piece(0, answers[0].pieces[0])
    stream += writer.end_of_choice(0, answers[0]) + writer.closing(answers, usage)
    expected = TokenCount(input_, cached, output)
    assert usage_in(whole) == expected
    assert usage_in(stream) == expected
    assert usage_in(stream.replace(b"\n\n", b"\r\n\r\n")) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>usage</html>",
        b'data: {"usage": null}\n\n',
        b'{"usage": {}}',
        b'{"usage": {"prompt_tokens": 5}}',
        b'{"usage": {"prompt_tokens": "5", "completion_tokens": 1}}',
        b'{"usage": {"prompt_tokens": 5, "completion_tokens": null}}',
        b'{"usage": {"prompt_tokens": 5.5, "completion_tokens": 1}}',
        b'{"usage": {"prompt_tokens": 5, "completion_tokens": true}}',
        b'{"usage": {"prompt_tokens": -5, "completion_tokens": 1}}',
        b'{"usage": {"prompt_tokens": 5, "comple',
        b'{"usage": [5, 1]}',
        b'{"usage": ' + b'{"a":' * 100_000,
    ],
)
def test_no_usage_or_one_that_is_none(body):
    assert usage_in(body) is None


def test_the_last_usage_counts_and_null_ones_are_passed_over():
    first = b'data: {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}\n\n'
    last = b'data: {"usage": {"prompt_tokens": 1, "completion_tokens": 7}}\n\n'
    after = b'data: {"usage": null, "choices": [{"delta": {}}]}\n\n'
    assert usage_in(first + last + after) == TokenCount(1, 0, 7)


@pytest.mark.parametrize("details", ["null", "{}", "5", '{"cached_tokens": "2"}'])
def test_a_usage_without_details_has_nothing_cached(details):
    usage = f'{{"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {details}}}'
    assert usage_in(f'{{"usage": {usage}}}'.encode()) == TokenCount(5, 0, 1)


def test_the_other_apis_names_are_known_too():
    usage = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 1}
    assert usage_in(json.dumps({"usage": usage}).encode()) == TokenCount(5, 2, 1)


def test_what_an_answer_says_about_usage_is_not_the_usage():
    said = json.dumps({"content": '"usage": {"prompt_tokens": 9, "completion_tokens": 9}'})
    assert usage_in(said.encode()) is None


def test_counts_add_up_and_cost():
    total = TokenCount(1000, 400, 10) + TokenCount(1000, 0, 5)
    assert total == TokenCount(2000, 400, 15)
    assert total.total == 2015
    assert total.cost_usd(Prices(10, 1, 100)) == pytest.approx((1600 * 10 + 400 + 1500) / 1e6)


def test_usage_of_several_answers_is_their_sum():
    answers = [
        Answer((Piece("reasoning", "a"), Piece("content", "b")), "stop"),
        Answer((Piece("content", "c"),), "length"),
    ]
    assert usage_of(answers, input_tokens=7, cached_tokens=3) == Usage(7, 3, 3, 1)
