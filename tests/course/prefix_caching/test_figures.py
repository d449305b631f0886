"""The figures say in words what they show, and refuse what they cannot draw."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from labtools.course.prefix_caching import figures
from labtools.errors import NothingMeasured
from labtools.lab.trace import Trace
from labtools.model.named_profiles import FAST
from labtools.model.profile import PrefixCache
from labtools.records import CallError, CallRecord, Span


def a_call(ttft_s=0.2, decode_s=1.0, input_tokens=2000, cached_tokens=1920, sent_at=0.0):
    return CallRecord(
        "m",
        sent_at,
        sent_at + ttft_s + decode_s,
        chunks_at=(sent_at + ttft_s,),
        input_tokens=input_tokens,
        output_tokens=100,
        cached_tokens=cached_tokens,
    )


def a_failed_call():
    return CallRecord("m", 0.0, 0.5, error=CallError("status", "too many requests", 429))


def a_run(*calls, tool_s=0.0):
    spans = [
        Span(number, "step", "llm", call.sent_at, call.ended_at, call=call)
        for number, call in enumerate(calls)
    ]
    end = max((call.ended_at for call in calls), default=0.0)
    if tool_s:
        spans.append(Span(len(calls), "tests", "tool", end, end + tool_s))
    return Trace(tuple(spans), 0.0, end + tool_s, "mock", "simulated")


def texts(figure):
    """The words in the drawing; it has to be XML for that."""
    return [
        element.text
        for element in ElementTree.fromstring(figure.svg).iter()
        if element.tag.endswith("text")
    ]


def test_reused_tokens_tells_both_parts():
    figure = figures.reused_tokens(
        {"good": a_call(), "bad": a_call(input_tokens=3000, cached_tokens=0)}
    )
    assert "good: 1,920 reused and 80 read; bad: 0 reused and 3,000 read" in figure.alt
    assert {"1,920", "80 read", "3,000 read", "good", "bad"} <= set(texts(figure))


def test_no_cached_tokens_in_the_usage_is_nothing_reused():
    assert "0 reused and 2,000 read" in figures.reused_tokens({"x": a_call(cached_tokens=None)}).alt


def test_reused_tokens_needs_a_usage():
    with pytest.raises(NothingMeasured, match=r"no usage for 'x'.*429"):
        figures.reused_tokens({"x": a_failed_call()})


def test_ttft_by_call_tells_the_last_one():
    runs = {"good": a_run(a_call(), a_call(0.25)), "bad": a_run(a_call(), a_call(0.5))}
    figure = figures.ttft_by_call(runs)
    assert "At the last call: good 0.25 s; bad 0.50 s" in figure.alt
    assert {"good: 0.25 s", "bad: 0.50 s"} <= set(texts(figure))


@pytest.mark.parametrize("run", [a_run(), a_run(a_call(), a_failed_call())])
def test_ttft_by_call_needs_every_ttft(run):
    with pytest.raises(NothingMeasured, match="'x' has calls without a TTFT"):
        figures.ttft_by_call({"x": run})


def test_cached_against_shared_reads_the_rules():
    figure = figures.cached_against_shared(
        {"big": PrefixCache(), "small\nblocks": PrefixCache(16, 0)}, longest=2000
    )
    assert "big: 0 of 1,000, 1,920 of 2,000" in figure.alt
    assert "small blocks: 992 of 1,000, 2,000 of 2,000" in figure.alt


def test_reuse_by_call_finds_the_call_that_reads_most():
    calls = [a_call(cached_tokens=0), a_call(), a_call(cached_tokens=500), a_call()]
    figure = figures.reuse_by_call(a_run(*calls))
    assert "54% reused" in figure.alt
    assert "call 3 reads most: 1,500 tokens" in figure.alt


def test_reuse_of_one_call_is_told_without_a_worst():
    assert "reads most" not in figures.reuse_by_call(a_run(a_call())).alt


def test_reuse_by_call_needs_a_call():
    with pytest.raises(NothingMeasured, match="made no call"):
        figures.reuse_by_call(a_run())


def test_ttft_share_by_context_computes_from_the_profile():
    figure = figures.ttft_share_by_context(FAST, 200, 1000, [1000, 19_000])
    # 0.15 of 1.15 s, 1.05 of 2.05 s; with 1,000 new tokens always 0.15 of 1.15 s
    assert "13% at 1,000, 51% at 19,000 input tokens" in figure.alt
    assert "stays at 13%" in figure.alt


def test_ceiling_adds_up_the_parts():
    runs = {"plain": a_run(a_call(0.5, 2.0), a_call(0.5, 1.0), tool_s=1.0)}
    figure = figures.ceiling(runs)
    assert "plain 1.00 s of TTFT, 3.00 s of decode, 1.00 s of tools" in figure.alt
    assert "20.0% of the first bar" in figure.caption
    assert "5.00 s" in texts(figure)
