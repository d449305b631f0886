"""What was measured of the engine is whole, its errors are of the runs, and the figures say so."""

from __future__ import annotations

import pytest

from labtools.course import engine as figures
from labtools.course.engine import PHYSICS, PREDICTION, fitted_profile, held_against
from labtools.errors import NothingMeasured

PARTS = ("end_to_end_s", "ttft_cold_s", "ttft_warm_s", "decode_s")


@pytest.mark.parametrize("program", ["chain", "agents"])
@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_five_runs_or_more(program, part):
    found = held_against(program, part)
    assert len(found.errors) >= 5
    assert min(found.errors) <= found.error <= max(found.errors)
    assert found.measured_s > 0


def test_an_error_is_predicted_over_measured():
    run = PREDICTION["measured"]["chain"][0], PREDICTION["predicted"]["chain"][0]
    expected = run[1]["end_to_end_s"] / run[0]["end_to_end_s"] - 1
    assert held_against("chain", "end_to_end_s").errors[0] == pytest.approx(expected)


def test_a_lone_chain_is_the_sum_of_its_parts():
    for run in PREDICTION["predicted"]["chain"]:
        parts = sum(run[part] for part in PARTS[1:])
        assert parts == pytest.approx(run["end_to_end_s"], rel=1e-3)


def test_both_say_where_they_are_from():
    for data in (PHYSICS, PREDICTION):
        assert "November 2026" in data["source"]


def test_a_repeated_prompt_is_predicted_by_the_profile():
    repeated = PREDICTION["repeated"]
    due_s = fitted_profile().ttft_s(int(repeated["input_tokens"]), int(repeated["cached_tokens"]))
    assert repeated["predicted_s"] == pytest.approx(due_s, rel=0.01)
    assert repeated["predicted_s"] == pytest.approx(repeated["ttft_s"], rel=0.1)


@pytest.mark.parametrize("point", PHYSICS["ttft_by_prompt"], ids=lambda p: f"{p['input_tokens']:,}")
def test_two_benchmarks_of_one_engine_agree(point):
    """On different days, so they may differ as days do: 15%."""
    assert fitted_profile().ttft_s(point["input_tokens"]) == pytest.approx(
        point["cold_s"], rel=0.15
    )


def test_ttft_is_told_cold_warm_and_in_proportion():
    figure = figures.ttft_cold_and_warm([(500, 0.05, 0.004), (8000, 4.0, 0.03)])
    assert "50 ms at 500, 4 ms warm and 4 s at 8,000, 30 ms warm" in figure.alt
    assert "the longest would take 800 ms" in figure.alt


def test_steps_are_told_with_their_line():
    figure = figures.steps_by_context([(500, 0.00175), (4000, 0.0075)], 0.001, 1.6e-6)
    assert "1.75 ms after 500 tokens and 7.5 ms after 4,000 tokens" in figure.alt
    assert "begins at 1 ms" in figure.alt


def test_errors_keep_their_sign_and_their_range():
    rows = {"the chain\nend to end": (10.0, 9.0, [-0.1, -0.2, 0.1]), "decode": (4.0, 5.0, [0.25])}
    figure = figures.held_against_engine(rows)
    assert "the chain end to end 10 s measured, 9 s predicted, −10% (−20% to +10%)" in figure.alt
    assert "+25% (+25% to +25%)" in figure.svg


@pytest.mark.parametrize("draw", [figures.ttft_cold_and_warm, figures.held_against_engine])
def test_nothing_is_not_drawn(draw):
    with pytest.raises(NothingMeasured):
        draw([])


def test_an_error_that_rounds_to_nothing_has_no_minus():
    figure = figures.held_against_engine({"decode": (10.0, 9.99, (-0.1, -0.001, 0.02))})
    assert "+0% (−10% to +2%)" in figure.alt
