"""Server-sent events however the network cuts them, against a reader that takes the whole body."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.wire import sse
from labtools.wire.sse import Event

lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
ends = st.sampled_from(["\n", "\r\n", "\r"])
raw_lines = st.one_of(
    lines,
    st.builds("data: {}".format, lines),
    st.builds("data:{}".format, lines),
    st.builds("event: {}".format, lines),
    st.builds(": {}".format, lines),
    st.sampled_from(["data", "event", "", "", "id: 7", "retry: 10"]),
)


@st.composite
def bodies(draw):
    return "".join(line + draw(ends) for line in draw(st.lists(raw_lines, max_size=15))).encode()


def events_of(body: bytes) -> list[tuple[str, str]]:
    """The specification's interpretation of a stream, on the whole text at once."""
    found, name, data = [], "", None
    for line in re.split("\r\n|\n|\r", body.decode())[:-1]:
        if not line:
            if data is not None:
                found.append((name, data))
            name, data = "", None
            continue
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "data":
            data = value if data is None else f"{data}\n{value}"
        elif field == "event":
            name = value
    return found


@given(bodies(), st.data())
def test_events_are_the_same_wherever_the_body_is_cut(body, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    edges = [0, *cuts, len(body)]
    chunks = [(float(at), body[a:b]) for at, (a, b) in enumerate(pairwise(edges))]
    assert [(e.name, e.data) for e in sse.events(chunks)] == events_of(body)


@given(bodies())
def test_byte_by_byte_is_the_same_as_at_once(body):
    one_by_one = [(0.0, body[i : i + 1]) for i in range(len(body))]
    assert list(sse.events(one_by_one)) == list(sse.events([(0.0, body)]))


def test_an_event_happens_when_its_last_byte_arrives():
    chunks = [
        (1.0, b"data: on"),
        (2.0, b"e\n"),
        (3.0, b"\ndata: two\n\ndata: th"),
        (4.0, b"ree\n\n"),
    ]
    assert list(sse.events(chunks)) == [
        Event(3.0, "", "one"),
        Event(3.0, "", "two"),
        Event(4.0, "", "three"),
    ]


def test_comments_are_no_events_and_do_not_end_one():
    body = b": ping\n\n: ping\ndata: a\n: ping\ndata: b\n\n: ping\n\n"
    assert [event.data for event in sse.events([(0.0, body)])] == ["a\nb"]


def test_an_event_that_the_end_of_the_body_cuts_off_is_none():
    assert list(sse.events([(0.0, b"data: whole\n\ndata: half\n")])) == [Event(0.0, "", "whole")]
    assert list(sse.events([(0.0, b"data: half")])) == []


def test_a_character_cut_in_two_survives():
    body = "data: é\n\n".encode()
    for cut in range(len(body)):
        assert list(sse.events([(0.0, body[:cut]), (1.0, body[cut:])])) == [Event(1.0, "", "é")]


def test_a_crlf_cut_in_two_is_one_line_end():
    chunks = [(0.0, b"data: a\r"), (1.0, b"\ndata: b\r"), (2.0, b"\n\r"), (3.0, b"\n")]
    assert [event.data for event in sse.events(chunks)] == ["a\nb"]


@given(st.binary(max_size=60))
def test_no_bytes_are_too_odd_to_read(body):
    list(sse.events([(0.0, body)]))


@given(lines, st.none() | lines.filter(bool))
def test_what_is_encoded_is_read_back(data, name):
    assert list(sse.events([(5.0, sse.encode(data.encode(), name))])) == [
        Event(5.0, name or "", data)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_stream_of_lone_carriage_returns_ends_too(end):
    body = f"data: [DONE]{end}{end}".encode()
    assert list(sse.events([(1.0, body)])) == [Event(1.0, "", "[DONE]")]
