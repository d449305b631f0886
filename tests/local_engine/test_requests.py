import asyncio
import json

import httpx2
import pytest

from labtools.local_engine.requests import EngineTransport, as_dictated, rewritten
from labtools.records import CallError, CallRecord
from labtools.wire.api_error import ApiError

TOOLS = [{"type": "function", "function": {"name": "edit"}}]
NAMED = {"type": "function", "function": {"name": "edit"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
RECORD = CallRecord("m", 1.0, 2.0, chunks_at=(1.5,), output_tokens=30, content="noise")


def sent(**body):
    return json.loads(rewritten(json.dumps(body).encode()))


def test_a_length_is_kept_by_going_on_after_the_end():
    assert sent(model="m", mock={"output_tokens": 9}) == {
        "model": "m",
        "max_tokens": 9,
        "ignore_eos": True,
    }


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_below_the_length_counts(limit):
    assert sent(mock={"output_tokens": 9}, **{limit: 4})["max_tokens"] == 4
    assert sent(mock={"output_tokens": 3}, **{limit: 4})["max_tokens"] == 3


def test_with_a_schema_a_length_is_only_a_limit():
    body = sent(mock={"output_tokens": 9}, response_format=SCHEMA)
    assert body == {"max_tokens": 9, "response_format": SCHEMA}


def test_with_tools_a_length_is_written_in_words_and_the_tools_stay_in_the_prompt():
    body = sent(mock={"output_tokens": 9}, tools=TOOLS, tool_choice=NAMED)
    assert body["tools"] == TOOLS
    assert body["tool_choice"] == "none"
    assert body["chat_template_kwargs"] == {"in_words": True}


def test_without_a_length_a_named_tool_makes_a_call_required():
    body = sent(tools=TOOLS, tool_choice=NAMED)
    assert body == {"tools": TOOLS, "tool_choice": "required"}


@pytest.mark.parametrize(
    ("mock", "tokens"),
    [
        ({"content": "12345678"}, 2),
        ({"tool_calls": [{"name": "edit", "arguments": "12345678"}]}, 3),
        ({"content": "12345678", "output_tokens": 50}, 50),
    ],
)
def test_what_is_dictated_is_as_long_as_at_the_mock(mock, tokens):
    body = sent(mock=mock, response_format=SCHEMA)
    assert body == {"max_tokens": tokens, "ignore_eos": True}


def test_other_requests_go_out_as_they_are():
    body = {"model": "m", "messages": [], "tool_choice": "auto", "stop": ["a"], "n": 2}
    assert sent(**body) == body
    for raw in (b"", b"{", b"[1]", b"7"):
        assert rewritten(raw) == raw


@pytest.mark.parametrize("mock", [{"bogus": 1}, {"output_tokens": 0}, [1], 7, "x"])
def test_a_wrong_mock_object_is_refused(mock):
    with pytest.raises(ApiError) as caught:
        sent(mock=mock)
    assert caught.value.status == 400


async def answered(request):
    async with EngineTransport(httpx2.MockTransport(echo)) as transport:
        return await transport.handle_async_request(request)


def echo(request):
    body = {"headers": dict(request.headers), "body": request.content.decode()}
    return httpx2.Response(200, json=body)


def test_each_request_has_a_connection_of_its_own_and_its_bodys_length():
    request = httpx2.Request(
        "POST",
        "http://engine/v1/chat/completions",
        headers={"connection": "keep-alive", "authorization": "Bearer k"},
        json={"mock": {"output_tokens": 9}},
    )
    echoed = json.loads(asyncio.run(answered(request)).content)
    assert echoed["headers"]["connection"] == "close"
    assert echoed["headers"]["authorization"] == "Bearer k"
    assert int(echoed["headers"]["content-length"]) == len(echoed["body"])
    assert json.loads(echoed["body"]) == {"max_tokens": 9, "ignore_eos": True}


def test_what_is_refused_is_answered_in_the_apis_own_format():
    request = httpx2.Request("POST", "http://engine/v1", json={"mock": {"bogus": 1}})
    response = asyncio.run(answered(request))
    assert response.status_code == 400
    assert "mock.bogus" in json.loads(response.content)["error"]["message"]


def test_a_dictated_answer_replaces_the_noise_and_nothing_that_was_measured():
    told = {"extra_body": {"mock": {"content": "PASS"}}}
    found = as_dictated(RECORD, told)
    assert (found.content, found.finish_reason) == ("PASS", "stop")
    assert found.chunks_at == RECORD.chunks_at
    assert found.output_tokens == RECORD.output_tokens


def test_a_dictated_tool_call_is_in_the_record():
    mock = {"tool_calls": [{"name": "edit", "arguments": {"path": "a"}}]}
    found = as_dictated(RECORD, {"extra_body": {"mock": mock}})
    (call,) = found.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("edit", {"path": "a"})
    assert (found.content, found.finish_reason) == ("", "tool_calls")


@pytest.mark.parametrize("request_", [{}, {"extra_body": None}, {"extra_body": {"mock": {}}}])
def test_nothing_dictated_changes_nothing(request_):
    assert as_dictated(RECORD, request_) is RECORD


def test_a_failed_call_stays_failed():
    failed = CallRecord("m", 1.0, 2.0, error=CallError("timeout", "late"))
    assert as_dictated(failed, {"extra_body": {"mock": {"content": "PASS"}}}) is failed
