"""What was measured of the engine is whole, and its errors are worked out from the runs."""

from __future__ import annotations

import pytest

from labtools.course.engine import PARTS, PHYSICS, PREDICTION, fitted_profile, held_against


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
