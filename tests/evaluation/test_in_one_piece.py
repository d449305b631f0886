"""A stream that came in one piece: when its first token came is not known, and it is said so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import SLOPE, a_chain, a_record, at_context, measured, seen

from labtools.evaluation.fitting import fit
from labtools.evaluation.report import summarise
from labtools.evaluation.reporting import page
from labtools.records import ToolCall

TOOL = ToolCall("1", "read_file", "{}")


def held_back(record, form):
    """The record as a proxy that holds its stream back would have passed it on."""
    at = record.ended_at
    chunks = {
        "one chunk": (at,),
        "one instant": (at,) * len(record.chunks_at),
        "a few segments": tuple(at - 1e-4 + 1e-5 * (n % 10) for n in range(len(record.chunks_at))),
    }[form]
    return replace(record, chunks_at=tuple(sorted(chunks)), first_output_at=min(chunks))


FORMS = ("one chunk", "one instant", "a few segments")


@pytest.mark.parametrize("form", FORMS)
def test_ttft_and_tpot_of_such_a_call_are_not_known(form):
    call = seen("context", "context/600/0", "cold", held_back(a_record(), form), input_tokens=600)
    assert call.in_one_piece
    assert call.ttft_s is call.tpot_s is call.decode_s is None
    assert call.record.e2e_latency_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    "record",
    [
        a_record(),
        a_record(step_s=0.000_2),
        a_record(output_tokens=3, step_s=0.0),
        a_record(output_tokens=1),
        replace(a_record(), chunks_at=(0.3,), tool_calls=(TOOL,), content=""),
    ],
)
def test_a_fast_stream_a_short_one_and_a_tool_call_in_a_chunk_are_none(record):
    call = seen("context", "context/600/0", "cold", record, input_tokens=600)
    assert not call.in_one_piece
    assert call.ttft_s == record.ttft_s


@pytest.mark.parametrize("form", FORMS)
def test_the_report_says_so_and_calls_nothing_a_ttft(form):
    steps = [held_back(a_record(sent_at=float(n)), form) for n in range(3)]
    calls = [replace(one, record=held_back(one.record, form)) for one in SLOPE]
    report = summarise(made := measured(*a_chain(*steps), *calls))
    said = {one.rule: one.text for one in report.verdict}
    assert said["in_one_piece"].startswith("5 streams came in one piece")
    assert "how much of it is TTFT is not known" in said["chain_total"]
    assert "dominates" not in said["chain_total"]
    assert {row.ttft_s.p50 for row in report.contexts.rows} == {None}
    assert report.chain.total_s == pytest.approx(0.9)
    assert "5 streams came in one piece" in page(report)
    assert not [one for one in fit(made).parameters if one.status == "measured"]


def test_streams_that_came_as_they_were_made_still_count(sim):
    broken = [replace(one, record=held_back(one.record, "one instant")) for one in SLOPE]
    report = summarise(measured(*broken, *at_context(1_000, 0.3, 0.3)))
    assert report.in_one_piece == 2
    assert [row.ttft_s.samples for row in report.contexts.rows] == [0, 2, 0]
