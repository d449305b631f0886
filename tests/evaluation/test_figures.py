"""The figures of an evaluation say their numbers in words, and there is none of nothing."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from made_up import SLOPE, measured

from labtools.evaluation import figures
from labtools.evaluation.axes.chain import ChainStep
from labtools.evaluation.axes.context import ContextRow
from labtools.evaluation.axes.load import Load
from labtools.evaluation.axes.prefix import Reuse
from labtools.evaluation.axes.structured import Form
from labtools.evaluation.compare import compare
from labtools.evaluation.comparison import Against, Quantity
from labtools.evaluation.report import summarise
from labtools.evaluation.statistics import Difference, Interval, Percentile, Stat

HALF = Percentile(0.5, Interval(0.4, 0.7, 0.95), None)
BARE = Percentile(0.9, None, 59)
BOTH = Stat(8, 0, HALF, BARE)
ABOVE = Stat(8, 0, BARE, BARE)
NOTHING = summarise(measured())


def texts(figure):
    parsed = ElementTree.fromstring(figure.svg)
    return [element.text for element in parsed.iter() if element.tag.endswith("text")]


def with_rows(part, **rows):
    """A report of nothing but these rows of one part."""
    return replace(NOTHING, **{part: replace(getattr(NOTHING, part), **rows)})


def test_ttft_by_prompt_tells_each_length():
    rows = (ContextRow(2_000, 2_000, BOTH, BOTH),)
    figure = figures.ttft_by_prompt(with_rows("contexts", rows=rows))
    assert "at 2,000 tokens p50 500 ms (400 ms to 700 ms), p95 900 ms (no interval)" in figure.alt
    assert {"p50", "p95"} <= set(texts(figure))


def test_calls_at_once_are_marked_where_a_call_is_slowed():
    load = Load(1, None, 8, 0, BOTH, BOTH, BOTH, 64, 1.0, 64.0, 1.0, 1.0)
    crowd = replace(load, clients=8, e2e_latency_s=ABOVE)
    report = replace(NOTHING, closed_loop=(load, crowd))
    figure = figures.latency_by_clients(report)
    assert "1 at once 500 ms (400 ms to 700 ms); 8 at once 900 ms (no interval)" in figure.alt
    assert "a fifth slower than alone" in texts(figure)
    assert "a fifth slower than alone" not in texts(figures.tpot_by_clients(report))
    alone_is_not_known = replace(NOTHING, closed_loop=(crowd,))
    assert "a fifth slower than alone" not in texts(figures.latency_by_clients(alone_is_not_known))


def test_ttft_after_edits_names_each_bar():
    saved = Difference(8, 0, 0.4, None, 6)
    repeat = Reuse("repeat", BOTH, saved, None, None, "saves", None)
    report = with_rows("prefix", cold_ttft_s=ABOVE, reuses=(repeat,))
    figure = figures.ttft_after_edits(report)
    assert "exact repeat 500 ms" in figure.alt
    assert {"first time", "900 ms", "500 ms"} <= set(texts(figure))


def test_latency_by_form_tells_both_percentiles():
    form = Form("tool_call", BOTH, BOTH, BOTH, 40, 8, 8)
    figure = figures.latency_by_form(with_rows("structured", forms=(form,)))
    assert "tool call p50 500 ms (400 ms to 700 ms), p95 900 ms (no interval)" in figure.alt


def test_chain_by_step_tells_where_ttft_goes():
    first = ChainStep(1, 2, 0, 1_000, 0, 0.2, 0.2, 0.4)
    steps = (first, replace(first, step=2, ttft_s=0.4), replace(first, step=3, ttft_s=None))
    figure = figures.chain_by_step(with_rows("chain", steps=steps))
    assert "TTFT goes from 200 ms at the first to 400 ms at the last" in figure.alt
    assert "together TTFT is 60%" in figure.alt


def compared(rows, *names):
    """A comparison of these quantities: a multiple of the first, and its ends, for each name."""
    found = compare(measured(*SLOPE), measured(*SLOPE))
    first = found.endpoints[0]
    pairs = Difference(0, 0, None, None, None)

    def against(multiple):
        relative = (None,) * 3 if multiple is None else [x and x - 1 for x in multiple]
        return Against(pairs, *relative, "slower")

    return replace(
        found,
        endpoints=(first, *(replace(first, name=name) for name in names)),
        quantities=tuple(
            Quantity("chain", what, (), tuple(map(against, multiples)), True)
            for what, multiples in rows.items()
        ),
    )


def test_multiples_beyond_the_edge_are_drawn_at_it_and_told_as_they_are():
    rows = {
        "a call": [(300.0, 0.0001, 900.0), None],
        "TPOT": [(1.1, None, None), (0.5, 0.4, 0.6)],
        "TTFT": [None, None],
    }
    figure = figures.times_as_long(compared(rows, "$x_1^$ <b>", "y" * 80))
    assert "a call: $x_1^$ <b> 300 (0.0001 to 900)" in figure.alt
    assert "not measured" in figure.alt
    assert "TTFT" not in figure.alt
    assert "$x_1^$ <b>" in texts(figure)
    assert "y" * 23 + "…" in texts(figure)
    assert {"1×", "32×", "1/32"} <= set(texts(figure))
    assert "<b>" not in figure.html.replace("&lt;b&gt;", "")


@pytest.mark.parametrize(
    "draw",
    [
        figures.ttft_by_prompt,
        figures.latency_by_clients,
        figures.tpot_by_clients,
        figures.ttft_after_edits,
        figures.latency_by_form,
        figures.chain_by_step,
    ],
)
def test_nothing_is_not_drawn(draw):
    assert draw(NOTHING) is None


def test_what_cannot_be_compared_is_not_drawn():
    assert figures.times_as_long(compared({"TTFT": [None]}, "other")) is None
