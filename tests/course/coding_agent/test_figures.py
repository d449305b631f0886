"""The figures say in words what they show, and refuse what they cannot draw."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from labtools.course.coding_agent import figures
from labtools.errors import NothingMeasured
from labtools.lab.trace import Trace
from labtools.records import CallError, CallRecord, Span


def a_call(start, ttft_s, decode_s, error=None):
    end = start + ttft_s + decode_s
    chunks = () if error else (start + ttft_s,)
    return CallRecord("m", start, end, chunks_at=chunks, output_tokens=10, error=error)


def a_run(*steps):
    """Steps are (name, start, TTFT, decode) for a call and (name, start, duration) for a tool."""
    spans = []
    for number, (name, start, *parts) in enumerate(steps, start=1):
        call = a_call(start, *parts) if len(parts) == 2 else None
        kind, end = ("llm", call.ended_at) if call else ("tool", start + parts[0])
        spans.append(Span(number, name, kind, start, end, call=call))
    return Trace(tuple(spans), 0.0, max(span.ended_at for span in spans), "mock", "simulated")


RUN = a_run(("plan", 0.0, 0.2, 0.8), ("search", 1.0, 0.0), ("patch", 1.0, 0.1, 0.4),
            ("tests", 1.0, 3.0))  # fmt: skip


def texts(figure):
    return [
        element.text
        for element in ElementTree.fromstring(figure.svg).iter()
        if element.tag.endswith("text")
    ]


def test_steps_over_time_tells_the_critical_path_and_what_is_not_on_it():
    figure = figures.steps_over_time(RUN, "A run")
    assert "run of 4.00 seconds. The critical path: plan 1.00 s, tests 3.00 s." in figure.alt
    assert figure.alt.endswith("Not on it: patch 0.50 s.")
    assert "Pale steps" in figure.caption
    assert {"plan", "patch", "tests", "0.50", "3.00"} <= set(texts(figure))
    assert "search" not in texts(figure)  # it took no time


def test_steps_over_time_says_when_every_step_counts():
    figure = figures.steps_over_time(a_run(("plan", 0.0, 0.2, 0.8), ("tests", 1.0, 3.0)))
    assert figure.alt.endswith("Every step is on it.")
    assert figure.caption == "Every step is on the critical path."


def test_a_failed_call_is_drawn_as_waiting():
    call = a_call(0.0, 0.0, 2.0, CallError("timeout", "no answer"))
    trace = Trace((Span(1, "plan", "llm", 0.0, 2.0, call=call),), 0.0, 2.0, "mock", "simulated")
    assert "plan 2.00 s" in figures.steps_over_time(trace).alt


@pytest.mark.parametrize("run", [a_run(("search", 0.0, 0.0)), Trace((), 0, 0, "m", "wall")])
def test_steps_over_time_needs_a_step_that_took_time(run):
    with pytest.raises(NothingMeasured, match="no step of this run took time"):
        figures.steps_over_time(run)


def test_backends_tells_each_run_and_marks_the_seconds():
    figure = figures.backends({"fast, 1": RUN, "slow,\n2": RUN}, {10: "attention"})
    assert "fast, 1 4.0 s, slow, 2 4.0 s" in figure.alt
    assert {"attention", "4.0 s"} <= set(texts(figure))


def test_savings_compares_the_sum_with_all_together():
    figure = figures.savings({"one\nway": 0.3, "another": 0.2}, 0.4)
    assert "one way 0.300 s, another 0.200 s, sum of the parts 0.500 s" in figure.alt
    assert figure.alt.endswith("all together 0.400 s.")
    assert "save 0.50 s in all; together 0.40 s" in figure.caption


def test_overlaps_names_only_the_pairs_that_lose():
    alone = {"a": 0.3, "b": 0.2, "c": 0.1}
    pairs = {frozenset("ab"): 0.3, frozenset("ac"): 0.4, frozenset("bc"): 0.3}
    figure = figures.overlaps(alone, pairs)
    assert "a with b: 0.300 s, 0.200 s less than their sum." in figure.alt
    assert figure.alt.endswith("The other pairs add up.")
    assert "−0.20" in "".join(map(str, texts(figure)))


def test_overlaps_says_when_all_pairs_add_up():
    figure = figures.overlaps({"a": 0.3, "b": 0.2}, {frozenset("ab"): 0.5})
    assert "All pairs add up" in figure.alt
