"""The edges of a run: given ones are kept, missing ones inferred; slack is what they leave."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools import CallRecord, Trace
from labtools.errors import ConfigurationError
from labtools.lab.waits import Order, with_waits
from labtools.lab.whatif import what_if
from labtools.model.named_profiles import FAST
from labtools.records import Span, Wait

CALL = CallRecord("m", 0.0, 2.0, input_tokens=1000, output_tokens=100)


def waits(spans):
    return {s.name: [(wait.id, wait.basis) for wait in s.waits_for] for s in with_waits(spans)}


def test_a_step_waits_for_the_last_that_had_ended_and_not_for_what_those_waited_for():
    spans = (
        Span(1, "plan", "tool", 0.0, 1.0),
        Span(2, "a", "tool", 1.0, 2.0),
        Span(3, "b", "tool", 1.0, 3.0),
        Span(4, "join", "tool", 3.5, 4.0),
    )
    assert waits(spans) == {
        "plan": [],
        "a": [(1, "inferred")],
        "b": [(1, "inferred")],
        "join": [(2, "inferred"), (3, "inferred")],
    }


def test_what_the_data_shows_is_kept():
    spans = (Span(1, "a", "tool", 0.0, 1.0), Span(2, "b", "tool", 0.0, 1.0))
    known = Span(3, "c", "tool", 2.0, 3.0, waits_for=(Wait(2),))
    assert waits((*spans, known))["c"] == [(2, "causal")]


def test_a_tool_logged_as_begun_before_its_call_ended_is_held_to_the_call():
    spans = (
        Span(1, "ask", "llm", 0.0, 2.0, call=CALL),
        Span(2, "read", "tool", 1.9, 2.5, waits_for=(Wait(1),)),
    )
    moved = what_if(Trace(spans, 0.0, 2.5, "e", "wall"), FAST)
    assert moved.spans[1].started_at == moved.spans[0].ended_at == 0.65
    assert moved.duration_s == 1.25


def test_slack_is_what_a_step_could_take_longer():
    spans = (
        Span(1, "a", "tool", 0.0, 1.0),
        Span(2, "b", "tool", 0.0, 3.0),
        Span(3, "join", "tool", 3.0, 4.0),
    )
    assert Order(spans, 0.0, 4.0).slack_s() == {1: 2.0, 2: 0.0, 3: 0.0}


def test_many_draws_are_timed_at_once():
    spans = (Span(1, "a", "tool", 0.0, 1.0), Span(2, "b", "tool", 0.0, 3.0))
    took = {1: np.array([1.0, 5.0]), 2: np.array([3.0, 3.0])}
    times = Order(spans, 0.0, 3.0).times(lambda span, start: start + took[span.id], np.zeros(2))
    assert list(times[-1]) == [3.0, 5.0]


def test_waits_in_a_circle_are_refused():
    spans = (
        Span(1, "a", "tool", 0.0, 1.0, waits_for=(Wait(2),)),
        Span(2, "b", "tool", 0.0, 1.0, waits_for=(Wait(1),)),
    )
    with pytest.raises(ConfigurationError, match="wait in a circle: a > b"):
        Order(spans, 0.0, 1.0)


def test_a_trace_of_format_1_has_no_edges_and_still_loads(tmp_path):
    trace = Trace((Span(1, "a", "tool", 0.0, 1.0, waits_for=(Wait(7),)),), 0.0, 1.0, "e", "wall")
    path = trace.save(tmp_path / "trace.json")
    assert Trace.load(path) == trace
    values = json.loads(path.read_text())
    for name in ("waits_for", "derived", "blocks"):
        del values["spans"][0][name]
    path.write_text(json.dumps({**values, "format": "labtools-trace/1"}))
    assert Trace.load(path).spans == (Span(1, "a", "tool", 0.0, 1.0),)


def test_two_spans_of_one_id_that_end_together_are_no_traceback():
    spans = [Span(1, name, "tool", 0.0, 1.0) for name in "ab"]
    assert with_waits(spans)[0].waits_for == ()


def path_of(spans):
    path = Order(spans, 0.0, max(span.ended_at for span in spans)).critical_path()
    return [(part.span and part.span.name, part.started_at, part.ended_at) for part in path]


def test_the_slowest_of_three_parallel_reads_is_on_the_critical_path():
    plan, fix = Span(1, "plan", "llm", 0.0, 1.0), Span(5, "fix", "llm", 4.5, 6.0)
    ends = enumerate((2.0, 4.0, 3.0), start=2)
    reads = [Span(n, f"read {n}", "llm", 1.0, end) for n, end in ends]
    assert path_of([fix, *reads, plan]) == [
        ("plan", 0.0, 1.0), ("read 3", 1.0, 4.0), (None, 4.0, 4.5), ("fix", 4.5, 6.0),
    ]  # fmt: skip


def test_a_step_that_waited_for_nothing_begins_the_critical_path_after_a_gap():
    early, late = Span(1, "early", "llm", 0.0, 2.0), Span(2, "late", "llm", 1.0, 5.0)
    assert path_of([early, late]) == [(None, 0.0, 1.0), ("late", 1.0, 5.0)]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1, max_size=12))
def test_the_stretches_of_the_critical_path_follow_each_other_from_start_to_end(times):
    steps = [Span(n, str(n), "llm", float(s), float(s + d)) for n, (s, d) in enumerate(times, 1)]
    edges = [at for _, *ends in path_of(steps) for at in ends]
    assert edges[::2] == [0.0, *edges[1:-1:2]][: len(edges) // 2]
    assert edges[-1:] in ([], [max(step.ended_at for step in steps)])
