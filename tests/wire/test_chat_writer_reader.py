"""What is written is read back: by this package's reader, and by the SDK's own models."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from labtools.records import ToolCall
from labtools.wire import sse
from labtools.wire.answer import Answer, Piece, usage_of
from labtools.wire.chat_reader import read_chat_stream
from labtools.wire.chat_writer import ChatWriter

plain = st.text(max_size=6) | st.sampled_from(['"', "\\", "\n", "\r", "</script>", "é", "😀"])
odd = plain | st.just("\ud800")  # half a character, which JSON can hold and the SDK's models not
names = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=8)


@st.composite
def answers(draw, texts=plain):
    thoughts = [Piece("reasoning", text) for text in draw(st.lists(texts, max_size=4))]
    if draw(st.booleans()):
        said = [Piece("content", text) for text in draw(st.lists(texts, max_size=6))]
        return Answer((*thoughts, *said), "stop").cut(draw(st.none() | st.integers(1, 8)))
    calls = []
    for index in range(draw(st.integers(1, 3))):
        name = draw(names)
        calls.append(Piece("call", call=index, call_id=f"call_{index}", call_name=name))
        fragments = draw(st.lists(texts, min_size=1, max_size=4))
        calls += [Piece("arguments", text, call=index) for text in fragments]
    return Answer((*thoughts, *calls), "tool_calls").cut(draw(st.none() | st.integers(1, 8)))


def write(choices, *, usage=True, input_tokens=50, cached_tokens=20):
    """The stream of these answers, a chunk of bytes a token, and the whole body."""
    writer = ChatWriter(id="7", model="m", created=1, answers=choices, usage=usage)
    counted = usage_of(choices, input_tokens, cached_tokens)
    stream = [writer.opening()]
    for step in range(max(len(answer.pieces) for answer in choices)):
        for choice, answer in enumerate(choices):
            if step < len(answer.pieces):
                stream.append(writer.piece(choice, answer.pieces[step]))
    stream += [writer.end_of_choice(choice, answer) for choice, answer in enumerate(choices)]
    stream.append(writer.closing(choices, counted))
    return stream, writer.whole(choices, counted)


def timed(stream):
    return [(float(at), chunk) for at, chunk in enumerate(stream)]


def chunks_of(stream):
    """The stream through the SDK's models."""
    data = [event.data for event in sse.events(timed(stream))]
    assert data.pop() == "[DONE]"
    return [ChatCompletionChunk.model_validate_json(one, strict=True) for one in data]


def calls_in(chunks, choice=0):
    """Tool calls put together from fragments, as the SDK's documentation does it."""
    calls = {}
    for chunk in chunks:
        for delta in (c.delta for c in chunk.choices if c.index == choice):
            for fragment in delta.tool_calls or ():
                call = calls.setdefault(fragment.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += fragment.id or ""
                call["name"] += fragment.function.name or ""
                call["arguments"] += fragment.function.arguments or ""
    return tuple(ToolCall(**calls[index]) for index in sorted(calls))


@given(answers(odd))
def test_the_reader_reads_what_the_writer_wrote(answer):
    stream, _ = write([answer])
    reading = read_chat_stream(timed(stream))
    assert reading.error is None
    assert reading.complete
    assert reading.content == answer.text("content")
    assert reading.reasoning == answer.text("reasoning")
    assert reading.tool_calls == answer.tool_calls()
    assert reading.finish_reason == answer.finish_reason
    assert reading.usage.input_tokens == 50
    assert reading.usage.cached_tokens == 20
    assert reading.usage.output_tokens == len(answer.pieces)
    assert reading.usage.reasoning_tokens == sum(
        piece.kind == "reasoning" for piece in answer.pieces
    )


@given(answers())
def test_each_token_is_stamped_when_its_chunk_came_and_nothing_else_is(answer):
    stream, _ = write([answer])
    reading = read_chat_stream(timed(stream))
    carries = [piece.kind == "call" or bool(piece.text) for piece in answer.pieces]
    # A fragment of arguments counts even when it is empty: it is a token of the tool call.
    carries = [c or p.kind == "arguments" for c, p in zip(carries, answer.pieces, strict=True)]
    assert reading.chunks_at == [float(1 + at) for at, yes in enumerate(carries) if yes]
    spoken = [
        float(1 + at)
        for at, (yes, piece) in enumerate(zip(carries, answer.pieces, strict=True))
        if yes and piece.kind != "reasoning"
    ]
    assert reading.first_output_at == (spoken[0] if spoken else None)


@given(st.lists(answers(), min_size=1, max_size=3))
def test_the_sdks_models_agree_on_every_choice(choices):
    stream, whole = write(choices)
    chunks = chunks_of(stream)
    message = ChatCompletion.model_validate_json(whole, strict=True)
    assert {chunk.id for chunk in chunks} == {message.id}
    for index, answer in enumerate(choices):
        deltas = [c for chunk in chunks for c in chunk.choices if c.index == index]
        content = "".join(c.delta.content or "" for c in deltas)
        assert content == answer.text("content") == (message.choices[index].message.content or "")
        assert [c.finish_reason for c in deltas if c.finish_reason] == [answer.finish_reason]
        assert deltas[0].delta.role == "assistant"
        assert calls_in(chunks, index) == answer.tool_calls()
        spoken = message.choices[index].message.tool_calls or ()
        assert answer.tool_calls() == tuple(
            ToolCall(call.id, call.function.name, call.function.arguments) for call in spoken
        )
    assert chunks[-1].choices == []
    assert chunks[-1].usage == message.usage
    assert message.usage.total_tokens == 50 + sum(len(answer.pieces) for answer in choices)
    assert all(chunk.usage is None for chunk in chunks[:-1])


@given(answers())
def test_without_include_usage_no_chunk_mentions_it(answer):
    stream, _ = write([answer], usage=False)
    assert b"usage" not in b"".join(stream) or "usage" in str(answer)
    reading = read_chat_stream(timed(stream))
    assert reading.complete
    assert reading.usage.output_tokens is None


def test_of_several_choices_the_first_is_read():
    choices = [Answer((Piece("content", letter),) * 2, "stop") for letter in "ab"]
    reading = read_chat_stream(timed(write(choices)[0]))
    assert reading.content == "aa"
    assert len(reading.chunks_at) == 4


@given(answers(), st.data())
def test_a_stream_that_is_cut_keeps_what_came_and_says_so(answer, data):
    stream, _ = write([answer])
    last = len(stream) - 2  # the end of the choice, and then the usage
    kept = data.draw(st.integers(0, last - 1), label="chunks before the cut")
    reading = read_chat_stream(timed(stream[:kept]))
    assert reading.error is not None
    assert reading.error.kind == "cut_off"
    assert answer.text("content").startswith(reading.content)


# streams of others


def stream_of(*chunks, done=True):
    body = b"".join(sse.encode(json.dumps(chunk).encode()) for chunk in chunks)
    return [(1.0, body + (sse.DONE if done else b""))]


def chunk(delta=None, finish_reason=None, **rest):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **rest}


def test_a_finish_reason_is_an_end_too_where_nobody_sends_done():
    reading = read_chat_stream(stream_of(chunk({"content": "a"}), chunk({}, "stop"), done=False))
    assert reading.error is None
    assert reading.complete


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_both_names_of_reasoning_are_known(field):
    reading = read_chat_stream(stream_of(chunk({field: "hm"}), chunk({"content": "a"})))
    assert reading.reasoning == "hm"
    assert reading.content == "a"
    assert len(reading.chunks_at) == 2


def test_a_refusal_is_an_answer():
    assert read_chat_stream(stream_of(chunk({"refusal": "No."}))).content == "No."


def test_tool_calls_without_an_index_follow_one_another():
    calls = [{"id": n, "function": {"name": n, "arguments": "{}"}} for n in ("a", "b")]
    reading = read_chat_stream(stream_of(chunk({"tool_calls": calls})))
    assert [call.name for call in reading.tool_calls] == ["a", "b"]


def test_an_error_in_mid_stream_is_reported_in_the_endpoints_words():
    error = {"error": {"message": "out of memory", "code": 500}}
    reading = read_chat_stream(stream_of(chunk({"content": "a"}), error))
    assert str(reading.error) == "protocol: out of memory"
    assert reading.content == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>504 Gateway Time-out</body></html>",
        b'{"id": "x", "object": "chat.completion", "choices": []}',
        b"plain text",
    ],
)
def test_a_body_that_is_no_event_stream_is_shown(body):
    reading = read_chat_stream([(1.0, body[:9]), (2.0, body[9:])])
    assert reading.error.kind == "protocol"
    assert body[:20].decode() in reading.error.message


@pytest.mark.parametrize("body", [b"", b": ping\n\n", b"dat", b"data: {", b"event: message\nda"])
def test_a_body_that_ends_before_anything_was_said_is_cut_off(body):
    assert read_chat_stream([(1.0, body)]).error.kind == "cut_off"


@pytest.mark.parametrize(
    "data",
    [
        "{",
        '{"choices": [5]}',
        '{"choices": [{"delta": 5}]}',
        '{"choices": [{"delta": {"content": 5}}]}',
        '{"choices": [{"delta": {"tool_calls": [{"index": [0]}]}}]}',
        '{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": 5}]}}]}',
        '{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": 5}}]}}]}',
        '{"choices": [{"delta": {}, "finish_reason": 5}]}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_a_chunk_that_is_none_is_a_protocol_error_that_shows_it(data):
    good = sse.encode(json.dumps(chunk({"content": "a"})).encode())
    reading = read_chat_stream([(1.0, good + b"data: " + data.encode() + b"\n\n")])
    assert reading.error.kind == "protocol"
    assert data[:20] in reading.error.message
    assert len(reading.error.message) < 200
    assert reading.content == "a"
    assert reading.tool_calls == ()


fields = st.sampled_from(
    "choices delta content reasoning tool_calls index id function name arguments finish_reason "
    "usage prompt_tokens completion_tokens prompt_tokens_details cached_tokens error "
    "message".split()
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=4))
def test_no_chunk_is_too_odd_to_read(values):
    reading = read_chat_stream(stream_of(*values))
    assert isinstance(reading.content, str)
    assert isinstance(reading.reasoning, str)
    assert all(isinstance(call, ToolCall) for call in reading.tool_calls)
    counts = [reading.usage.input_tokens, reading.usage.output_tokens, reading.usage.cached_tokens]
    assert all(count is None or type(count) is int for count in counts)
    assert reading.complete or reading.error
