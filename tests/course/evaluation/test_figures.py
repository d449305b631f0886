"""The figures say in words what they draw."""

from __future__ import annotations

import pytest

from labtools.course.evaluation import figures
from labtools.errors import NothingMeasured


def test_a_chain_is_told_with_its_place_on_the_leaderboard():
    figure = figures.chain_by_provider({"larch": (1400.0, 2.0, 3.0), "spruce": (1400.0, 10.0, 6.0)})
    assert "larch, 1,400 tokens a second on the leaderboard, takes 5 s" in figure.alt
    assert "TTFT is 10 s" in figure.alt
    assert "16 s" in figure.svg


def test_ttft_is_told_at_the_ends_with_and_without_an_interval():
    rows = {"larch": {2000: (0.2, (0.1, 0.3)), 4000: (0.4, None), 8000: (0.6, None)}}
    figure = figures.ttft_by_provider(rows)
    assert (
        "larch 200 ms (100 ms to 300 ms) at 2,000 tokens and 600 ms (no interval) at 8,000"
        in figure.alt
    )


def test_what_the_endpoint_says_stands_beside_what_it_takes():
    bars = {"a": ((0.3, (0.2, 0.4)), (0.1, None), 0.97), "b": ((0.3, None), (0.3, None), None)}
    figure = figures.cold_and_again(bars)
    assert (
        "a 300 ms (200 ms to 400 ms) the first time and 100 ms (no interval) again, and says 97%"
        in figure.alt
    )
    assert "300 ms (no interval) again, and says nothing" in figure.alt
    assert "300 ms, says nothing" in figure.svg


def test_a_chains_parts_are_told_missing_ones_as_nothing():
    figure = figures.chain_parts({"larch": {"fixed": 1.8, "decode": 3.2}})
    assert "larch 1.8 s fixed, 0.0 s reading, 3.2 s decode and 0.0 s schema" in figure.alt


def test_a_difference_keeps_its_sign():
    figure = figures.found_differences({"one after\nthe other": (-0.04, (-0.05, 0.01))})
    assert "one after the other −40 ms (−50 ms to 10 ms)" in figure.alt
    assert "−40 ms" in figure.svg


def test_a_stall_counts_those_who_met_it():
    closed = [(0.0, 10.0), (10.0, 0.3)]
    opened = [(0.0, 10.0), (1.0, 9.0), (20.0, 0.3)]
    figure = figures.stall_seen({"closed": closed, "open": opened})
    assert "closed: 1 of 2 calls took more than 1 s" in figure.alt
    assert "open: 2 of 3 calls" in figure.alt


@pytest.mark.parametrize(
    "draw",
    [
        figures.chain_by_provider,
        figures.ttft_by_provider,
        figures.cold_and_again,
        figures.chain_parts,
        figures.found_differences,
        figures.stall_seen,
    ],
)
def test_nothing_measured_is_no_figure(draw):
    with pytest.raises(NothingMeasured, match="no provider"):
        draw({})
