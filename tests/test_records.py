"""What one call amounts to: each figure against its definition, and None where there is none."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.read_back import read_back
from labtools.records import CallError, CallRecord, Span, ToolCall, remarks

instants = st.integers(0, 10**12).map(lambda ns: ns / 1e9)
counts = st.none() | st.integers(0, 10**6)
texts = st.text(max_size=20)
errors = st.builds(
    CallError,
    kind=st.sampled_from(["status", "connection", "timeout", "cut_off", "protocol"]),
    message=texts,
    status=st.none() | st.integers(400, 599),
    retry_after_s=st.none() | st.floats(0, 100),
)


@st.composite
def records(draw):
    at = sorted(draw(st.lists(instants, min_size=2, max_size=12)))
    chunks_at = tuple(at[1:-1])
    return CallRecord(
        model=draw(texts),
        sent_at=at[0],
        ended_at=at[-1],
        chunks_at=chunks_at,
        first_output_at=draw(st.sampled_from([None, *chunks_at])),
        input_tokens=draw(counts),
        output_tokens=draw(counts),
        cached_tokens=draw(counts),
        reasoning_tokens=draw(counts),
        finish_reason=draw(st.none() | texts),
        content=draw(texts),
        reasoning=draw(texts),
        tool_calls=tuple(draw(st.lists(st.builds(ToolCall, texts, texts, texts), max_size=3))),
        error=draw(st.none() | errors),
        chunk_chars=tuple(draw(st.integers(0, 99)) for _ in chunks_at),
        connect_s=draw(st.floats(0, 9)),
    )


RECORD = CallRecord(
    model="m",
    sent_at=12.35,
    ended_at=13.0,
    chunks_at=(12.5, 12.6, 12.9),
    first_output_at=12.6,
    input_tokens=1000,
    output_tokens=5,
)


def test_the_figures_of_a_call():
    assert RECORD.ttft_s == 0.15
    assert RECORD.ttfo_s == 0.25
    assert RECORD.e2e_latency_s == 0.65
    assert RECORD.decode_s == 0.5
    assert RECORD.tpot_s == 0.4 / 4
    assert RECORD.itl_s == (0.1, 0.3)


def test_differences_are_exact_where_floats_are_not():
    assert 13.0 - 12.35 != 0.65
    assert RECORD.e2e_latency_s == 0.65


def test_without_a_chunk_there_is_no_first_token_and_no_decode():
    silent = dataclasses.replace(RECORD, chunks_at=(), first_output_at=None)
    assert silent.ttft_s is silent.ttfo_s is silent.decode_s is silent.tpot_s is None
    assert silent.itl_s == ()
    assert silent.e2e_latency_s == 0.65


@pytest.mark.parametrize("output_tokens", [None, 0, 1])
def test_time_per_token_needs_two_tokens_and_a_usage(output_tokens):
    assert dataclasses.replace(RECORD, output_tokens=output_tokens).tpot_s is None


def test_a_call_that_failed_keeps_what_it_had_and_has_no_end_to_end_latency():
    failed = dataclasses.replace(RECORD, error=CallError("cut_off", "in the middle"))
    assert failed.e2e_latency_s is failed.decode_s is failed.tpot_s is None
    assert failed.ttft_s == 0.15
    assert failed.itl_s == (0.1, 0.3)


def test_an_error_reads_as_kind_status_and_message():
    assert str(CallError("status", "slow down", 429)) == "status 429: slow down"
    assert str(CallError("timeout", "no bytes")) == "timeout: no bytes"


@given(records())
def test_ttft_and_decode_make_up_the_whole(record):
    if record.decode_s is not None:
        assert record.ttft_s + record.decode_s == pytest.approx(record.e2e_latency_s, abs=2e-9)
    assert len(record.itl_s) == max(0, len(record.chunks_at) - 1)
    assert all(gap >= 0 for gap in record.itl_s)


@given(records())
def test_a_record_survives_json(record):
    written = json.dumps(record.as_dict())
    assert read_back(CallRecord, written, "a call") == record


@pytest.mark.parametrize("value", [RECORD, CallError("timeout", ""), ToolCall("", "", "")])
def test_records_are_frozen(value):
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, "changed")


def test_a_span_knows_its_length():
    assert Span(1, "read", "tool", 12.35, 13.0).duration_s == 0.65


def test_a_text_that_came_at_once_has_no_speed():
    held = dataclasses.replace(
        RECORD, chunks_at=(12.9,) * 3, output_tokens=90, content="text", finish_reason="stop"
    )
    assert held.in_one_piece
    assert held.tpot_s is None
    assert dataclasses.replace(held, chunks_at=(12.9,)).in_one_piece
    for streamed in (
        {"chunks_at": (12.5, 12.6, 12.9)},
        {"content": ""},  # a tool call
        {"output_tokens": 3},
        {"error": CallError("cut_off", "gone")},
    ):
        assert not dataclasses.replace(held, **streamed).in_one_piece


def test_what_else_is_to_be_known_of_the_answers_is_counted():
    held = dataclasses.replace(RECORD, chunks_at=(12.9,), output_tokens=90, content="text")
    good = dataclasses.replace(RECORD, finish_reason="stop")
    failed = dataclasses.replace(RECORD, error=CallError("cut_off", "gone"))
    assert remarks([good, failed]) == ()
    one_piece, unsaid = remarks([good, held, failed])
    assert one_piece.startswith("1 of 2 answers came in one piece")
    assert unsaid == "1 of 2 answers ended without a finish reason"
