"""The figures say in words what they show, and the session and the prediction are what they say."""

from __future__ import annotations

import pytest

from labtools import connect
from labtools.course.own_agent import SESSION, figures, read_trace, with_blocks
from labtools.course.own_agent.figures import CHANGES, Held, Run, inside_share, typical_error
from labtools.errors import ConfigurationError

RUNS = tuple(Run(n, took, 1.0, 2.0, 900, 0, 0.5) for n, took in enumerate((9.0, 10.5, 13.0)))
HELD = Held("--on 15M", 10.0, 8.0, 11.0, 1.1, None, RUNS)


def test_a_run_outside_its_interval_is_counted_as_a_miss() -> None:
    assert (HELD.took_s, HELD.inside) == (10.5, 2)
    assert HELD.error == 10 / 10.5 - 1
    figure = figures.runs_against_foretold({"all on 15M": HELD})
    assert "all on 15M: 2 of 3 runs inside, from \N{MINUS SIGN}10% to +30%" in figure.alt


def test_what_was_measured_is_whole() -> None:
    assert len({len(held.runs) for held in CHANGES.values()}) == 1
    assert 0 <= inside_share() <= 1
    assert typical_error() < 0.5


def test_seconds_go_to_what_they_went_to() -> None:
    figure = figures.seconds_by_kind({"a": {"TTFT": 1.0, "human": 3.0}})
    assert figure.alt == "Where the seconds went. a: TTFT 1.0 s and a person 3.0 s."


def test_the_session_is_the_one_of_the_samples() -> None:
    trace = read_trace(SESSION)
    assert len(trace.calls) == 9
    assert sum(call.input_tokens or 0 for call in trace.calls) == 95_819


def test_each_call_gets_the_blocks_of_its_request() -> None:
    with connect("sim") as lab:
        trace = lab.run(lab.call("a", messages=[{"role": "user", "content": "x"}]))
    (span,) = with_blocks(trace, [{"messages": [{"role": "user", "content": "x"}]}]).spans
    assert [block.name for block in span.blocks] == ["user"]
    with pytest.raises(ConfigurationError, match="0 requests for 1 calls"):
        with_blocks(trace, [])
