"""Streams that are not quite OpenAI's, each as a real server, gateway or router sends it."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labtools.records import TokenCount, ToolCall
from labtools.wire.api_error import message_of
from labtools.wire.chat_reader import read_chat_stream
from labtools.wire.usage import usage_in

DONE = b"data: [DONE]\n\n"


def data(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(delta=None, finish=None, **rest):
    return data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **rest})


HE, LLO, STOP = chunk({"content": "He"}), chunk({"content": "llo"}), chunk({}, "stop")


def read(*parts):
    return read_chat_stream([(float(at), part) for at, part in enumerate(parts)])


# 1. An ending that nobody checks


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b'error: {"code":400,"message":"the context is too long"}\n\n', "the context is too long"),
        (b"error: slot died\n\n", "slot died"),
        (b"event: error\ndata: upstream timed out\n\n", "upstream timed out"),
        (b'event: error\ndata: {"detail": "gone"}\n\n', "gone"),
        (data({"error": "CUDA out of memory", "error_type": "generation"}), "CUDA out of memory"),
        (data({"object": "error", "message": "too long", "code": 400}), "too long"),
        (data({"type": "error", "error": {"message": "Overloaded"}}), "Overloaded"),
        (data([{"error": {"message": "no list"}}]) + chunk(None, "error"), "'error'"),
        (data({"base_resp": {"status_code": 1008, "status_msg": "no balance"}}), "no balance"),
        (data({"success": False, "message": "no quota"}), "no quota"),
        (data({"choices": [{"error": {"message": "provider gone"}}]}), "provider gone"),
        *[
            (chunk({}, reason), reason)
            for reason in ("error", "abort", "insufficient_system_resource", "network_error",
                           "cancelled", "engine_overloaded", "MALFORMED_FUNCTION_CALL")
        ],
    ],
)  # fmt: skip
def test_what_says_that_it_failed_has_failed_in_the_endpoints_words(broken, said):
    for parts in ((broken, DONE), (HE, LLO, broken, DONE), (HE, broken)):
        reading = read(*parts)
        assert reading.error.kind == "protocol"
        assert said in reading.error.message
        assert reading.content == ("He" if HE in parts else "") + ("llo" if LLO in parts else "")


@pytest.mark.parametrize(
    "parts", [(DONE,), (chunk({"role": "assistant"}), DONE), (b": ping\n\n", DONE)]
)
def test_a_stream_in_which_nothing_came_has_failed(parts):
    assert "without an answer" in read(*parts).error.message


@pytest.mark.parametrize("reason", [None, ""])
def test_an_answer_that_ends_with_done_and_no_finish_reason_is_answered(reason):
    reading = read(HE, chunk({"content": "llo"}, reason), DONE)
    assert (reading.error, reading.finish_reason, reading.content) == (None, None, "Hello")


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "eos_token", "end_turn"])
def test_other_reasons_are_good_ends(reason):
    assert read(HE, chunk({}, reason), DONE).error is None


def test_a_refusal_in_the_stream_has_its_status():
    error = read(data({"error": {"code": 429, "message": "slow down"}})).error
    assert (error.message, error.status) == ("slow down", 429)


# 4. The end is [DONE]


@pytest.mark.parametrize("done", [b"data: [DONE]", b"data:[DONE]\r\n\r\n", b"data: [DONE]  \n\n"])
def test_done_ends_the_answer_with_or_without_a_line_of_its_own(done):
    reading = read(HE, STOP, done, b"" if done.endswith(b"]") else b": ping\n\n")
    assert (reading.error, reading.done_at) == (None, 3.0 if done.endswith(b"]") else 2.0)


# 6. Odd chunks

ODD = [
    b"data: \n\n", b"data:\n\n", b"data: null\n\n", b"data: []\n\n", b"data: {}\n\n",
    b"data: 5\n\n",
    b"data: keep-alive\n\n", b'data: "ping"\n\n', b'event: ping\ndata: {"type": "ping"}\n\n',
    b"event: heartbeat\ndata: tick\n\n", b"retry: 3000\nid: 7\n\n",
    b": OPENROUTER PROCESSING\n\n",
    data({"choices": None}), data({"id": "c"}), data({"choices": [None]}), chunk(None),
    data({"choices": [{}]}), data({"prompt_filter_results": [], "choices": []}),
    chunk({"reasoning": None, "content": None}), chunk({"content": []}),
    data({"status": "processing", "message": "still at it"}),
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_what_is_odd_and_says_nothing_is_passed_over(odd, place):
    parts = [HE, LLO, STOP + DONE]
    reading = read(*parts[:place], odd, *parts[place:])
    assert (reading.error, reading.content, len(reading.chunks_at)) == (None, "Hello", 2)


def test_a_byte_order_mark_is_passed_over():
    for parts in ((b"\xef\xbb\xbf" + HE, LLO, STOP), (b"\xef", b"\xbb\xbf" + HE, LLO, STOP)):
        assert read(*parts).content == "Hello"


@pytest.mark.parametrize(
    ("delta", "thought", "said"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "", "ab"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                      {"type": "text", "text": "a"}]}, "hm", "a"),
        ({"content": ["a", "b"]}, "", "ab"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, "hm", ""),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}, "hm", ""),
        ({"reasoning": "hm", "reasoning_details": [{"text": "hm"}]}, "hm", ""),
        ({"reasoning": "hm", "reasoning_content": "hm"}, "hm", ""),
        ({"thinking": "hm"}, "hm", ""),
    ],
)  # fmt: skip
def test_other_forms_of_text_are_read(delta, thought, said):
    reading = read(chunk(delta), STOP, DONE)
    assert (reading.reasoning, reading.content, reading.error) == (thought, said, None)
    assert len(reading.chunks_at) == 1
    assert (reading.first_output_at is None) == (not said)


def test_hidden_reasoning_is_no_token():
    hidden = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}
    assert read(chunk(hidden), STOP, DONE).chunks_at == []


def test_half_a_character_is_joined_to_its_other_half():
    assert read(chunk({"content": "\ud83d"}), chunk({"content": "\ude00"}), STOP).content == "😀"


def test_a_torn_chunk_is_not_passed_over():
    assert "not a chat completion chunk" in read(HE, b'data: {"choices": [\n\n', STOP).error.message


# 7. Tool calls

A = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": '{"c":1}'}}
B = {"id": "b", "type": "function", "function": {"name": "get_time", "arguments": '{"z":2}'}}
ONE = (ToolCall("a", "get_weather", '{"c":1}'),)
TWO = (*ONE, ToolCall("b", "get_time", '{"z":2}'))


def part(arguments, name=None, **rest):
    named = {"name": name} if name else {}
    return {**rest, "function": {**named, "arguments": arguments}}


W = "get_weather"


@pytest.mark.parametrize(
    ("fragments", "calls"),
    [
        ([{**A, "index": 0}, {**B, "index": 1}], TWO),
        ([{**B, "index": 1}, {**A, "index": 0}], TWO),
        ([{**A, "index": 0}, {**B, "index": 0}], TWO),
        ([A, B], TWO),
        ([{**A, "index": None}, {**B, "index": None}], TWO),
        ([{**A, "index": 0}, {**A, "index": 1}], ONE * 2),
        ([part("", W, id="a", index=0), part("", "get_time", id="b", index=1),
          part('{"c":1}', index=0), part('{"z":2}', index=1)], TWO),
        ([part("", W, id="a", index=0), part('{"c"', W, id="a", index=0),
          part(":1}", W, id="a", index=0)], ONE),
        ([part("", W, id="a"), part('{"c"'), part(":1}")], ONE),
        ([part("", W, id="a"), part('{"c"', id="a"), part(":1}", id="a")], ONE),
        ([part("", W, id="a", index=0), part('{"c"', id="", index=0), part(":1}", id="", index=0)],
         ONE),
        ([part("", "get_", id="a", index=0), part("", "weather", index=0),
          part('{"c":1}', index=0)],
         ONE),
        ([part("", W, index=0), part('{"c":1}', id="a", index=0)], ONE),
        ([part('{"c":1}', W, id="a"), part('{"z":2}', "get_time", id="b")], TWO),
        ([part("", W, id="a", index=0), part('{"c":1}', index=0),
          part("", "get_time", id="b", index=0),
          part('{"z":2}', index=0)], TWO),
        ([{**A, "index": "0"}], ONE),
        ([part({"c": 1}, W, id="a", index=0)], (ToolCall("a", W, '{"c": 1}'),)),
        ([part(None, W, id="a", index=0)], (ToolCall("a", W, ""),)),
        ([part('{"c":1}', W), part('{"c":1}', W)], (ToolCall("", W, '{"c":1}'),) * 2),
    ],
)  # fmt: skip
def test_as_many_calls_as_ids_each_with_its_name_once(fragments, calls):
    apart = read(*[chunk({"tool_calls": [f]}) for f in fragments], chunk({}, "tool_calls"), DONE)
    assert (apart.error, apart.tool_calls) == (None, calls)
    together = read(chunk({"tool_calls": fragments}), chunk({}, "tool_calls"), DONE)
    assert together.tool_calls == calls


def test_the_old_form_of_a_call_is_read():
    deltas = [{"name": W, "arguments": ""}, {"arguments": '{"c":1}'}]
    parts = [chunk({"function_call": delta}) for delta in deltas]
    assert read(*parts, chunk({}, "function_call")).tool_calls == (ToolCall("", W, '{"c":1}'),)


# 8. Usage elsewhere

U = {"prompt_tokens": 9, "completion_tokens": 2}
_TIMINGS = {"prompt_n": 5, "cache_n": 4, "predicted_n": 2}  # llama.cpp's
_OPENAI = {"prompt_tokens_details": {"cached_tokens": 4}}


@pytest.mark.parametrize(
    ("chunks", "counted"),
    [
        ([{"choices": [], "usage": {**U, **_OPENAI}}], TokenCount(9, 4, 2)),
        ([{"choices": [{"delta": {}, "usage": {**U, "cached_tokens": 4}}]}], TokenCount(9, 4, 2)),
        ([{"choices": [], "x_groq": {"id": "r", "usage": U}}], TokenCount(9, 0, 2)),
        ([{"usage": {**U, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}}],
         TokenCount(9, 4, 2)),
        ([{"usage": {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5,
                     "completion_tokens": 2}}], TokenCount(9, 4, 2)),
        ([{"usage": {"prompt_tokens": 9.0, "completion_tokens": 2.0}}], TokenCount(9, 0, 2)),
        ([{"usage": {**U, **_OPENAI}}, {"usage": {"completion_tokens": 2}}], TokenCount(9, 4, 2)),
        ([{"usage": U}, {"usage": dict.fromkeys(U, 0)}], TokenCount(9, 0, 2)),
        ([{"usage": {**U, "cache_read_input_tokens": 4}}], TokenCount(9, 4, 2)),
        ([{"usage": {"input_tokens": 9, "output_tokens": 2}}], TokenCount(9, 0, 2)),
        ([{"timings": _TIMINGS}], TokenCount(9, 4, 2)),
        ([{"choices": [], "usage": U, "timings": _TIMINGS}], TokenCount(9, 4, 2)),
        ([{"usage": U}, {"choices": [], "timings": _TIMINGS}], TokenCount(9, 4, 2)),
        ([{"usage": {**U, **_OPENAI}, "timings": {"cache_n": 3}}], TokenCount(9, 4, 2)),
    ],
)  # fmt: skip
def test_the_record_and_the_budget_read_the_same_usage_wherever_it_stands(chunks, counted):
    body = HE + STOP + b"".join(map(data, chunks)) + DONE
    usage = read(body).usage
    assert usage.counted == usage_in(body) == counted


@pytest.mark.parametrize("count", [-1, 9.5, "9", True, None, 10**30, float("1e300"), [9]])
def test_what_is_no_count_of_tokens_is_none(count):
    chunks = data({"usage": {"prompt_tokens": count, "completion_tokens": 2}})
    assert read(HE, STOP, chunks, DONE).usage.input_tokens is None


# 9. Errors in other forms


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'[{"error": {"code": 400, "message": "API key not valid"}}]', "API key not valid"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body", "max_tokens"], "msg": "too large"}]}',
         "body.max_tokens: too large"),
        (b'{"error": "model not loaded"}', "model not loaded"),
        (b'{"error": {"message": "Provider returned error", "metadata": {"raw": "busy"}}}',
         "Provider returned error: busy"),
        (b'{"message": "no Route matched"}', "no Route matched"),
        (b'{"errors": [{"code": 7000, "message": "No route"}], "success": false}', "No route"),
        (b"upstream connect error", "upstream connect error"),
        (b"<html><head><title>502 Bad Gateway</title><style>a{}</style></head>"
         b"<body><h1>502 Bad Gateway</h1>\n<hr>nginx</body></html>",
         "502 Bad Gateway 502 Bad Gateway nginx"),
        (b"", "HTTP status 503"),
        (b"{}", "HTTP status 503"),
        (b'{"error": {"code": "model_not_found"}}', "model_not_found"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)  # fmt: skip
def test_an_error_says_what_the_endpoint_says(body, said):
    assert message_of(503, body) == said


def test_a_page_of_words_is_shortened():
    assert len(message_of(500, b"word " * 10_000)) < 520
    assert len(message_of(500, json.dumps({"error": "x" * 10**6}).encode())) < 520


def test_a_body_without_any_line_break_is_read_in_one_pass():
    assert read(*[b"data: " + b"x" * 2**16] * 400).error.kind == "cut_off"


# the shape of a chunk, learnt from the one before

SHAPES = [
    'data: {"id": "a", "choices": [{"index": 0, "delta": {"content": "%s"}}]}\n\n',
    'data: {"choices":[{"index":0,"delta":{"content":"%s"}}],"usage":null}\n\n',
    'data: {"choices":[{"index":1,"delta":{"content":"%s"}}]}\n\n',
    'data: {"choices":[{"index":0,"delta":{"content":"%s"}, "finish_reason":"stop"}]}\n\n',
    'data: {"choices":[{"delta":{"content":"%s"}, "delta":{"content":"b"}}], "usage": 5}\n\n',
    'event: error\ndata: {"delta": {"content": "%s"}}\n\n',
]
SAID = st.sampled_from(
    [
        "",
        "a",
        "bc",
        " ",
        "é",
        '"',
        "\\",
        "\\n",
        "\\u00e9",
        "\n",
        "\0",
        "\x7f",
        "\u2028",
        '"}, "a": "',
    ]
)


@st.composite
def mostly_alike(draw):
    """Chunks of one shape, with texts as they may stand there or not; now and then another."""
    usual = draw(st.sampled_from(SHAPES[:2]))
    shapes = st.sampled_from([*[usual] * 6, *SHAPES[2:], "data: %s", "data: %s", "%s\r\n"])
    said = [*"aa", *draw(st.lists(SAID, min_size=2, max_size=9))]
    return [draw(shapes).replace("%s", text).encode() for text in said]


TWICE = [SHAPES[0].replace("%s", "a").encode()] * 2


@given(mostly_alike())
@example([b"data: a", *TWICE, *TWICE])
@example([*TWICE, *TWICE, b"data: a", *TWICE])
def test_a_chunk_that_is_as_the_one_before_is_read_as_if_there_were_none_before(chunks):
    timed = list(enumerate(chunks, start=1))
    cut = [(at, part) for at, chunk in timed for part in (chunk[:7], chunk[7:])]
    assert read_chat_stream(timed) == read_chat_stream(cut)
