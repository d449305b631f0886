"""A request's JSON to what the endpoint works on; or a 400 that names what is wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.wire.api_error import ApiError
from labtools.wire.chat_request import parse_chat_request

HELLO = [{"role": "user", "content": "hello"}]
TOOL = {
    "type": "function",
    "function": {"name": "read", "parameters": {"type": "object", "properties": {}}},
}


def parse(**fields):
    return parse_chat_request(json.dumps({"model": "m", "messages": HELLO, **fields}).encode())


def refused(raw):
    with pytest.raises(ApiError) as caught:
        parse_chat_request(raw)
    assert caught.value.status == 400
    return caught.value


def test_the_least_request():
    request = parse()
    assert request.model == "m"
    assert request.prompt == "<|user|>hello"
    assert (request.n, request.stream, request.include_usage) == (1, False, False)
    assert request.tool_choice == "auto"
    assert request.max_output_tokens is None
    assert request.schema is None
    assert request.stop == ()


def test_everything_at_once():
    schema = {"type": "object"}
    request = parse(
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "read"}},
        parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        max_completion_tokens=7,
        n=3,
        stop=["a", "b"],
        seed=5,
        stream=True,
        stream_options={"include_usage": True},
        prompt_cache_key="key",
        mock={"output_tokens": 9},
    )
    assert [tool.name for tool in request.tools] == ["read"]
    assert request.tool_choice == "read"
    assert request.parallel_tool_calls is False
    assert request.schema == schema
    assert request.max_output_tokens == 7
    assert (request.n, request.seed, request.cache_key) == (3, 5, "key")
    assert request.stop == ("a", "b")
    assert request.stream
    assert request.include_usage
    assert request.mock.output_tokens == 9


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": None}, None),
    ],
)
def test_either_name_of_the_limit(fields, most):
    assert parse(**fields).max_output_tokens == most


def test_null_is_the_same_as_left_out():
    optional = ["tools", "tool_choice", "response_format", "n", "stop", "seed", "stream"]
    assert parse(**dict.fromkeys([*optional, "stream_options", "temperature"])) == parse()


@pytest.mark.parametrize(
    ("given_stop", "stop"), [("x", ("x",)), ([], ()), ("", ()), (["", "y"], ("y",))]
)
def test_stop_is_one_sequence_or_several(given_stop, stop):
    assert parse(stop=given_stop).stop == stop


def test_unknown_fields_pass_as_they_do_at_other_servers():
    assert parse(logit_bias={"5": 1}, metadata={"a": "b"}, made_up=[1]) == parse()


def test_json_object_is_any_object_and_text_is_none():
    assert parse(response_format={"type": "json_object"}).schema is True
    assert parse(response_format={"type": "text"}).schema is None


def test_the_prompt_holds_schema_tools_and_messages_in_this_order():
    request = parse(
        tools=[TOOL],
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {"a": 1}}},
        messages=[
            {"role": "system", "content": "rules"},
            {"role": "user", "content": [{"type": "text", "text": "look"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "r", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "1", "content": "found"},
        ],
    )
    kinds = ["schema", "tool", "system", "user", "assistant", "tool"]
    places = [request.prompt.index("<|schema|>"), request.prompt.index("<|tool|>")]
    assert [part.split("|>")[0] for part in request.prompt.split("<|")[1:]] == kinds
    assert places == sorted(places)
    assert '"text":"look"' in request.prompt
    assert '"arguments":"{}"' in request.prompt
    assert request.answers_tool_result


def called(*ids):
    function = {"name": "r", "arguments": "{}"}
    calls = [{"id": id, "type": "function", "function": function} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(id):
    return {"role": "tool", "tool_call_id": id, "content": "found"}


USER = {"role": "user", "content": "go on"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER, called("1", "2"), result("2"), result("1"), USER],
        [USER, called("1"), result("1"), called("1"), result("1")],
        [USER, {"role": "assistant", "content": "x", "tool_calls": []}, USER],
    ],
)
def test_every_call_has_its_result(messages):
    names = [name for message in messages for name in ["r"] * len(message.get("tool_calls") or ())]
    assert parse(messages=messages).called_tools == tuple(names)


def test_a_call_that_a_client_tells_in_words_is_one():
    text = f"Calling tools: [{{'name': '{TOOL['function']['name']}'}}] and others_too"
    for content in (text, [{"type": "text", "text": text}]):
        messages = [USER, {"role": "assistant", "content": content}, USER]
        name = TOOL["function"]["name"]
        assert parse(messages=messages, tools=[TOOL]).called_tools == (name,)
    assert parse(messages=[{"role": "user", "content": text}], tools=[TOOL]).called_tools == ()


@pytest.mark.parametrize(
    ("messages", "param", "words"),
    [
        ([USER, result("1")], "messages.[1].role", "must be a response to a preceding"),
        ([called("1"), result("2")], "messages.[1].role", "found '2'"),
        ([called("1"), result("1"), result("1")], "messages.[2].role", "found '1'"),
        ([called("1"), result("1"), USER, result("1")], "messages.[3].role", "found '1'"),
        ([called("1", "2"), result("1"), USER], "messages.[2].role", "response messages: 2"),
        ([called("1", "2")], "messages.[1].role", "response messages: 1, 2"),
        ([called("1"), called("2"), result("2")], "messages.[1].role", "messages: 1"),
    ],
)
def test_a_call_or_a_result_alone_is_refused(messages, param, words):
    error = refused(json.dumps({"model": "m", "messages": messages}).encode())
    assert (error.status, error.param) == (400, param)
    assert words in error.message


def test_min_tokens_beyond_max_tokens_is_refused():
    body = {"model": "m", "messages": [USER], "min_tokens": 5, "max_tokens": 4}
    assert refused(json.dumps(body).encode()).param == "min_tokens"


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5), st.text(max_size=8))
def test_a_longer_conversation_begins_with_the_shorter_one(texts, more):
    messages = [{"role": "user", "content": text} for text in texts]
    shorter = parse(messages=messages).prompt
    assert parse(messages=[*messages, {"role": "user", "content": more}]).prompt.startswith(shorter)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [HELLO[0], {"role": "user", "content": 5}]}, "messages[1].content"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": 5.5}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": True}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"seed": 1.5}, "seed"),
        ({"stop": 5}, "stop"),
        ({"stop": list("abcde")}, "stop"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        (
            {
                "tools": [TOOL],
                "tool_choice": {"type": "function", "function": {"name": "write"}},
            },
            "tool_choice",
        ),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format.json_schema.name",
        ),
        ({"mock": {"output_tokens": 0}}, "mock.output_tokens"),
        ({"mock": {"made_up": 1}}, "mock.made_up"),
    ],
)
def test_a_wrong_field_is_named(fields, param):
    error = refused(json.dumps({"model": "m", "messages": HELLO, **fields}).encode())
    assert error.param is not None
    assert error.param.startswith(param)
    assert param.split(".")[-1].split("[")[0] in error.message


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_a_missing_field_is_named(missing):
    fields = {"model": "m", "messages": HELLO}
    del fields[missing]
    error = refused(json.dumps(fields).encode())
    assert error.message == f"Missing required parameter: '{missing}'."
    assert error.param == missing


def test_a_tool_choice_without_its_tool_names_the_tools():
    choice = {"type": "function", "function": {"name": "write"}}
    error = refused(
        json.dumps(
            {"model": "m", "messages": HELLO, "tools": [TOOL], "tool_choice": choice}
        ).encode()
    )
    assert "'write'" in error.message
    assert "read" in error.message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"hello",
        b"[]",
        b"5",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"model": "m", "messages": ' + b"[" * 100_000,
        b'{"model": ' + b"9" * 5000 + b"}",
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "metadata": [Infinity]}',
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "metadata": [1e400]}',
    ],
)
def test_what_is_no_json_object_is_refused(raw):
    error = refused(raw)
    assert error.message
    assert len(error.message) < 500


def test_a_message_stays_short_however_long_the_value_is():
    assert len(refused(json.dumps({"model": "m", "messages": "x" * 10**6}).encode()).message) < 300


def test_an_error_has_openais_form():
    error = ApiError(400, "No.", param="n", code="nope")
    assert json.loads(error.body()) == {
        "error": {"message": "No.", "type": "invalid_request_error", "param": "n", "code": "nope"}
    }
