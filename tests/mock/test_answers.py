"""What the mock says has the form and the length that were asked for."""

import json
import random
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.errors import UnusableSchema
from labtools.mock.answers import DEFAULT_OUTPUT_TOKENS, LARGEST_ANSWER_TOKENS, answer
from labtools.wire.api_error import ApiError
from labtools.wire.generation import GenerationRequest, MockOptions, MockToolCall, Tool

SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "line": {"type": "integer", "minimum": 1}},
    "required": ["path", "line"],
    "additionalProperties": False,
}
READ, WRITE = Tool("read", SCHEMA), Tool("write", {"type": "object", "properties": {}})
PLAIN = GenerationRequest(model="m", prompt="")


def say(request=PLAIN, seed=0, mock=None, **changes):
    request = replace(request, mock=MockOptions(**(mock or {})), **changes)
    return answer(request, random.Random(seed))


def test_left_to_itself_it_says_a_hundred_tokens_and_stops():
    said = say()
    assert len(said.pieces) == DEFAULT_OUTPUT_TOKENS == 100
    assert said.finish_reason == "stop"
    assert {piece.kind for piece in said.pieces} == {"content"}


@given(st.integers(1, 400), st.integers(0, 50), st.integers())
def test_an_answer_has_exactly_the_length_that_was_asked_for(tokens, thoughts, seed):
    said = say(seed=seed, mock={"output_tokens": tokens, "reasoning_tokens": thoughts})
    kinds = [piece.kind for piece in said.pieces]
    assert kinds == ["reasoning"] * thoughts + ["content"] * tokens


def test_a_seed_decides_the_words():
    assert say(seed=1) == say(seed=1)
    assert say(seed=1) != say(seed=2)


@pytest.mark.parametrize(
    ("limit", "length", "reason"),
    [(None, 10, "stop"), (11, 10, "stop"), (10, 10, "stop"), (9, 9, "length"), (1, 1, "length")],
)
def test_a_limit_cuts_what_is_longer_and_says_so(limit, length, reason):
    said = say(mock={"output_tokens": 10}, max_output_tokens=limit)
    assert len(said.pieces) == length
    assert said.finish_reason == reason
    assert said.stops_by_itself == (reason == "stop")


def test_the_limit_counts_reasoning_too():
    said = say(mock={"output_tokens": 10, "reasoning_tokens": 6}, max_output_tokens=8)
    assert [piece.kind for piece in said.pieces] == ["reasoning"] * 6 + ["content"] * 2


@pytest.mark.parametrize("tokens", [1, 50, 100, 150])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mock": {"content": "short"}},
        {"mock": {"reasoning_tokens": 20}},
        {"mock": {"output_tokens": 30}},
        {"tools": (READ,)},
        {"schema": SCHEMA},
    ],
)
def test_with_ignore_eos_it_says_exactly_as_many_as_it_may(tokens, changes):
    said = say(ignore_eos=True, max_output_tokens=tokens, **changes)
    assert len(said.pieces) == tokens
    assert said.finish_reason == "length"


@pytest.mark.parametrize(("least", "tokens"), [(0, 100), (50, 100), (101, 101), (150, 150)])
def test_it_says_at_least_as_many_as_it_must(least, tokens):
    said = say(min_output_tokens=least)
    assert (len(said.pieces), said.finish_reason) == (tokens, "stop")
    assert said.text("content")[:396] == say().text("content")[:396]


# words that were given


@given(st.text(max_size=60))
def test_given_words_are_said_as_they_are(text):
    said = say(mock={"content": text})
    assert said.text("content") == text
    assert len(said.pieces) == -(-len(text) // 4)


@given(st.text(max_size=60), st.integers(1, 40))
def test_given_words_of_a_set_length_are_padded_at_most(text, tokens):
    said = say(mock={"content": text, "output_tokens": tokens})
    assert len(said.pieces) == tokens
    assert said.text("content").rstrip(" ") == text.rstrip(" ")


def test_an_empty_answer_is_an_answer():
    said = say(mock={"content": ""})
    assert said.pieces == ()
    assert said.finish_reason == "stop"


# stop sequences


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ((), "one two three"),
        (("two",), "one "),
        (("three", "two"), "one "),
        (("one",), ""),
        (("e t", "x"), "one two three".split("e t", maxsplit=1)[0]),
        (("four",), "one two three"),
    ],
)
def test_the_answer_ends_before_the_first_stop_sequence(stop, text):
    said = say(mock={"content": "one two three"}, stop=stop)
    assert said.text("content") == text
    assert said.finish_reason == "stop"


@given(st.integers(1, 60), st.text("theandfor ", min_size=1, max_size=4), st.integers())
def test_a_stop_sequence_takes_the_tokens_after_it_and_only_those(tokens, stop, seed):
    whole = say(seed=seed, mock={"output_tokens": tokens})
    cut = say(seed=seed, mock={"output_tokens": tokens}, stop=(stop,))
    text = whole.text("content").partition(stop)[0]
    assert cut.text("content") == text
    assert len(cut.pieces) == -(-len(text) // 4)


# tool calls


def arguments_of(said):
    return [json.loads(call.arguments) for call in said.tool_calls()]


@pytest.mark.parametrize(
    ("called", "names"),
    [
        ((), ["read", "write"]),
        (("read",), ["write", "read"]),
        (("read", "write"), ["read", "write"]),
        (("read", "read", "write"), ["write", "read"]),
        (("other",), ["read", "write"]),
    ],
)
def test_where_it_must_call_it_calls_what_was_called_least(called, names):
    request = {"tools": (READ, WRITE), "tool_choice": "required", "called_tools": called}
    said = say(**request, mock={"tool_call_count": 2})
    assert [call.name for call in said.tool_calls()] == names
    assert [call.name for call in say(**request).tool_calls()] == names[:1]


def test_with_tools_it_calls_the_first_with_valid_arguments():
    said = say(tools=(READ, WRITE))
    assert said.finish_reason == "tool_calls"
    assert [call.name for call in said.tool_calls()] == ["read"]
    jsonschema.validate(arguments_of(said)[0], SCHEMA)


def test_a_named_tool_is_the_one_that_is_called():
    said = say(tools=(READ, WRITE), tool_choice="write")
    assert [call.name for call in said.tool_calls()] == ["write"]


@pytest.mark.parametrize(
    "changes",
    [
        {"tool_choice": "none"},
        {"answers_tool_result": True},
        {"schema": SCHEMA},
        {"schema": {}},
        {"mock": {"content": "words"}},
        {"tools": ()},
    ],
)
def test_it_answers_in_words_where_a_call_is_not_wanted(changes):
    said = say(**{"tools": (READ,), **changes})
    assert said.tool_calls() == ()
    assert said.finish_reason == "stop"


@pytest.mark.parametrize("changes", [{"answers_tool_result": True}, {"schema": SCHEMA}])
def test_a_call_that_is_required_is_made_whatever_else_is_asked(changes):
    assert say(tools=(READ,), tool_choice="required", **changes).finish_reason == "tool_calls"


def test_several_calls_have_ids_of_their_own_and_take_turns():
    said = say(tools=(READ, WRITE), mock={"tool_call_count": 3})
    assert [call.name for call in said.tool_calls()] == ["read", "write", "read"]
    assert len({call.id for call in said.tool_calls()}) == 3


def test_one_call_where_several_at_a_time_are_refused():
    said = say(tools=(READ,), mock={"tool_call_count": 3}, parallel_tool_calls=False)
    assert len(said.tool_calls()) == 1


@given(st.integers(1, 4), st.integers(0, 200), st.integers())
def test_calls_have_a_set_length_and_stay_valid(count, more, seed):
    tokens = 2 * count + more
    said = say(seed=seed, tools=(READ,), mock={"tool_call_count": count, "output_tokens": tokens})
    assert len(said.tool_calls()) == count
    for arguments in arguments_of(said):
        jsonschema.validate(arguments, SCHEMA)
    assert len(said.pieces) == tokens


def test_calls_that_were_told_are_made_word_by_word():
    told = [
        MockToolCall(name="read", arguments={"path": "a.py"}),
        MockToolCall(name="made_up", arguments="not JSON"),
    ]
    said = say(mock={"tool_calls": told})
    assert [(call.name, call.arguments) for call in said.tool_calls()] == [
        ("read", '{"path": "a.py"}'),
        ("made_up", "not JSON"),
    ]


def test_no_calls_told_is_an_answer_in_words():
    assert say(tools=(READ,), mock={"tool_calls": []}).finish_reason == "stop"


def test_a_call_with_empty_arguments_can_be_told():
    said = say(mock={"tool_calls": [MockToolCall(name="read", arguments="")]})
    assert [call.arguments for call in said.tool_calls()] == [""]


def test_a_limit_in_the_middle_of_a_call_leaves_half_of_its_arguments():
    whole = say(tools=(READ,), mock={"output_tokens": 20})
    cut = say(tools=(READ,), mock={"output_tokens": 20}, max_output_tokens=5)
    assert cut.finish_reason == "length"
    assert len(cut.pieces) == 5
    assert whole.tool_calls()[0].arguments.startswith(cut.tool_calls()[0].arguments)


def test_too_few_tokens_for_the_calls_are_refused():
    with pytest.raises(ApiError, match="3 output tokens cannot hold 2 tool calls"):
        say(tools=(READ,), mock={"tool_call_count": 2, "output_tokens": 3})


# JSON


@given(st.integers(), st.none() | st.integers(1, 100))
def test_json_validates_and_padding_does_not_break_it(seed, tokens):
    said = say(seed=seed, schema=SCHEMA, mock={"output_tokens": tokens})
    jsonschema.validate(json.loads(said.text("content")), SCHEMA)
    assert tokens is None or len(said.pieces) == tokens


def test_any_json_object_is_an_object():
    assert isinstance(json.loads(say(schema=True).text("content")), dict)


def test_a_schema_without_a_value_is_unusable():
    with pytest.raises(UnusableSchema):
        say(schema={"type": "integer", "minimum": 2, "maximum": 1})
    with pytest.raises(UnusableSchema):
        say(tools=(Tool("t", {"type": "nonsense"}),))


# limits


@pytest.mark.parametrize(
    "changes",
    [
        {"mock": {"output_tokens": 1_000_000}},
        {"mock": {"reasoning_tokens": LARGEST_ANSWER_TOKENS}},
        {"mock": {"output_tokens": LARGEST_ANSWER_TOKENS // 100}, "n": 128},
        {"mock": {"content": "x" * 4 * LARGEST_ANSWER_TOKENS, "output_tokens": 1}, "n": 2},
        {"mock": {"content": "x" * (4 * LARGEST_ANSWER_TOKENS + 1)}},
        {"mock": {"tool_calls": [{"name": "t", "arguments": "x" * 4 * LARGEST_ANSWER_TOKENS}]}},
    ],
)
def test_an_answer_too_long_to_make_up_is_refused(changes):
    with pytest.raises(ApiError, match="131072 tokens in all") as caught:
        say(**changes)
    assert caught.value.status == 400


def test_more_tool_calls_than_it_makes_up_are_refused():
    with pytest.raises(ApiError, match=r"128 answers of 2 tool calls.*128 tool calls in all"):
        say(tools=(READ,), n=128, mock={"tool_call_count": 2})
    with pytest.raises(ApiError, match=r"1 answers of 129 tool calls.*128 tool calls in all"):
        say(mock={"tool_calls": [{"name": "t", "arguments": ""}] * 129})


def test_the_longest_answer_is_made():
    assert len(say(mock={"output_tokens": LARGEST_ANSWER_TOKENS}).pieces) == LARGEST_ANSWER_TOKENS
