"""A Responses request's JSON to what the endpoint works on; or a 400 that names what is wrong."""

import contextlib
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.mock.answers import answer
from labtools.wire.answer import usage_of
from labtools.wire.api_error import ApiError
from labtools.wire.responses_items import Conversations, check_pairs
from labtools.wire.responses_request import parse_responses_request
from labtools.wire.responses_writer import Output, usage_object

WEATHER = {"type": "function", "name": "weather"}


def parse(**fields):
    return parse_responses_request(json.dumps({"model": "m", **fields}).encode(), Conversations())


def prompt(**fields):
    return parse(**fields).generation.prompt


def test_the_least_request():
    asked = parse(input="hello")
    assert asked.items == ({"type": "message", "role": "user", "content": "hello"},)
    assert asked.store
    assert not asked.generation.stream
    assert asked.generation.prompt_field == "input"


def test_a_string_a_message_and_its_parts_read_alike():
    said = prompt(input="ab")
    assert prompt(input=[{"role": "user", "content": "ab"}]) == said
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    assert prompt(input=[{"type": "message", "role": "user", "content": parts}]) == said


def test_instructions_come_before_the_items():
    assert prompt(input="ab", instructions="be brief").endswith(prompt(input="ab"))


def test_what_is_not_text_counts_as_it_is_written():
    file = {"type": "input_file", "file_data": "data:,xyz"}
    assert "data:,xyz" in prompt(input=[{"role": "user", "content": [file]}])


@given(st.integers(0, 2**32), st.integers(0, 5), st.integers(0, 3), st.booleans())
def test_an_answer_passed_back_reads_the_same_without_ids(seed, thoughts, calls, summarize):
    """The answer's items are items of a request, and their ids do not change the prompt."""
    mock = {"reasoning_tokens": thoughts, "output_tokens": 30, "tool_call_count": calls or 1}
    tools = [WEATHER] if calls else None
    asked = parse(input="x", tools=tools, mock=mock).generation
    items = Output("abc", summarize).items(answer(asked, random.Random(seed)))
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "y"}
        for item in items
        if item["type"] == "function_call"
    ]
    bare = [{k: v for k, v in item.items() if k not in ("id", "status")} for item in items]
    question = {"role": "user", "content": "x"}
    with_ids = parse(input=[question, *items, *results])
    check_pairs(with_ids.items)
    assert with_ids.generation.prompt == prompt(input=[question, *bare, *results])
    assert len({item["id"] for item in items}) == len(items)


@given(st.integers(1, 50), st.integers(0, 50))
def test_usage_adds_up(output_tokens, reasoning_tokens):
    mock = {"output_tokens": output_tokens, "reasoning_tokens": reasoning_tokens}
    said = answer(parse(input="x", mock=mock).generation, random.Random(0))
    usage = usage_object(usage_of([said], 7, 3))
    assert usage["total_tokens"] == 7 + output_tokens + reasoning_tokens
    assert usage["output_tokens_details"]["reasoning_tokens"] == reasoning_tokens
    assert usage["input_tokens_details"]["cached_tokens"] == 3


def test_the_echo_repeats_the_request_and_fills_in_the_rest():
    echo = parse(input="x", tools=[WEATHER], temperature=0.5, metadata={"a": "b"}).echo
    assert echo["temperature"] == 0.5
    assert echo["metadata"] == {"a": "b"}
    assert echo["tools"][0]["name"] == "weather"
    assert echo["text"]["format"] == {"type": "text"}
    assert echo["store"] is True


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({}, "input", "Missing"),
        ({"input": []}, "input", "no items"),
        ({"input": {}}, "input", "a list of items; found dict"),
        ({"input": ["a"]}, "input[0]", "found str"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type", "function_call_output"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role", "'user'"),
        ({"input": [{"type": "function_call", "name": "a"}]}, "input[0].call_id", "Missing"),
        ({"input": [{"type": "reasoning"}]}, "input[0].summary", "Missing"),
        ({"input": [{"type": "item_reference", "id": "rs_1"}]}, "input", "not found"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
            "input",
            "No tool call found for function call output with call_id c",
        ),
        (
            {"input": [{"type": "function_call", "call_id": "c", "name": "a", "arguments": ""}]},
            "input",
            "No tool output found for function call c",
        ),
        ({"input": "x", "max_output_tokens": 15}, "max_output_tokens", "16"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type", "function"),
        ({"input": "x", "tool_choice": "required"}, "tool_choice", "tools"),
        ({"input": "x", "tool_choice": "any"}, "tool_choice", "'required'"),
        (
            {"input": "x", "tools": [WEATHER], "tool_choice": {"type": "function", "name": "b"}},
            "tool_choice",
            "weather",
        ),
        (
            {"input": "x", "text": {"format": {"type": "json_schema", "name": "a"}}},
            "text.format.schema",
            "Missing",
        ),
        ({"input": "x", "background": True}, "background", "background"),
        ({"input": "x", "conversation": "conv_1"}, "conversation", "previous_response_id"),
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id", "not found"),
    ],
)
def test_what_is_wrong_is_named(fields, param, says):
    with pytest.raises(ApiError) as caught:
        parse(**fields)
    assert caught.value.status == 400
    assert caught.value.param == param
    assert says in caught.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "content", "id", "name"]), inner)
    ),
    max_leaves=10,
)


@given(st.sampled_from(["input", "tools", "tool_choice", "text", "reasoning", "mock"]), json_values)
def test_whatever_comes_is_a_request_or_a_400(field, value):
    with contextlib.suppress(ApiError):
        parse(**{"input": "x", field: value})
