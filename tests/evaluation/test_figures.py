"""The figures of an evaluation say their numbers in words, and refuse to draw nothing."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from labtools.errors import NothingMeasured
from labtools.plots import evaluation

HALF = (0.5, (0.4, 0.7))
BARE = (0.9, None)


def texts(figure):
    parsed = ElementTree.fromstring(figure.svg)
    return [element.text for element in parsed.iter() if element.tag.endswith("text")]


def test_ttft_by_prompt_tells_each_length():
    figure = evaluation.ttft_by_prompt({2_000: (HALF, BARE)})
    assert "at 2,000 tokens p50 500 ms (400 ms to 700 ms), p95 900 ms (no interval)" in figure.alt
    assert {"p50", "p95"} <= set(texts(figure))


def test_by_clients_marks_where_a_call_is_slowed():
    figure = evaluation.by_clients({1: HALF, 8: BARE}, "end-to-end latency", mark_s=0.6)
    assert "1 at once 500 ms (400 ms to 700 ms); 8 at once 900 ms (no interval)" in figure.alt
    assert "a fifth slower than alone" in texts(figure)
    unmarked = evaluation.by_clients({1: HALF}, "time per output token")
    assert "a fifth slower than alone" not in texts(unmarked)


def test_ttft_after_edits_names_each_bar():
    figure = evaluation.ttft_after_edits({"first time": BARE, "exact repeat": HALF})
    assert "exact repeat 500 ms" in figure.alt
    assert {"first time", "900 ms", "500 ms"} <= set(texts(figure))


def test_latency_by_form_tells_both_percentiles():
    figure = evaluation.latency_by_form({"tool call": (HALF, BARE)})
    assert "tool call p50 500 ms (400 ms to 700 ms), p95 900 ms (no interval)" in figure.alt


def test_chain_by_step_tells_where_ttft_goes():
    figure = evaluation.chain_by_step({1: (0.2, 0.2), 2: (0.4, 0.2)})
    assert "TTFT goes from 200 ms at the first to 400 ms at the last" in figure.alt
    assert "together TTFT is 60%" in figure.alt


def test_multiples_beyond_the_edge_are_drawn_at_it_and_told_as_they_are():
    rows = {"a call": [(300.0, (0.0001, 900.0)), None], "TPOT": [(1.1, None), (0.5, (0.4, 0.6))]}
    figure = evaluation.times_as_long(rows, ["$x_1^$ <b>", "y" * 80])
    assert "a call: $x_1^$ <b> 300 (0.0001 to 900)" in figure.alt
    assert "not measured" in figure.alt
    assert "$x_1^$ <b>" in texts(figure)
    assert "y" * 23 + "…" in texts(figure)
    assert {"1×", "32×", "1/32"} <= set(texts(figure))
    assert "<b>" not in figure.html.replace("&lt;b&gt;", "")


@pytest.mark.parametrize(
    "draw",
    [
        lambda: evaluation.ttft_by_prompt({}),
        lambda: evaluation.by_clients({}, "TPOT"),
        lambda: evaluation.ttft_after_edits({}),
        lambda: evaluation.latency_by_form({}),
        lambda: evaluation.chain_by_step({}),
        lambda: evaluation.times_as_long({}, ["a"]),
    ],
)
def test_nothing_is_not_drawn(draw):
    with pytest.raises(NothingMeasured, match="nothing to draw"):
        draw()
