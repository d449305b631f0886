"""The essay's table, met by a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labtools import Trace, connect
from labtools.coding_agent import case_study_rows, case_study_table, essay, play
from labtools.course.audit import sped_up
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.profile import LatencyProfile

pytestmark = pytest.mark.usefixtures("remembered_test_runs")

Played = Callable[[str], Trace]

SECOND_PASS = [step for step in essay.STEPS if step in essay.pass_from("Understand + plan")]


def test_each_row_is_the_essays_exactly(played: Played) -> None:
    rows = case_study_rows(played("one_shot"))
    assert [row.essay for row in rows] == list(essay.STEPS)
    for row in rows:
        assert row.essay is not None
        assert row.total_s == row.essay.total_s
        if row.essay.is_call:
            assert row.output_tokens == row.essay.output_tokens
            assert row.ttft_s == row.essay.ttft_s
            assert row.decode_s == row.essay.decode_s


def test_the_one_shot_total_is_the_sum_of_the_table(played: Played) -> None:
    trace = played("one_shot")
    assert trace.duration_s == 8.9
    assert trace.inference_s == 5.9
    assert trace.tool_s == 3.0
    assert trace.result.output_tokens == 920


@pytest.mark.parametrize("scenario", ["second_iteration", "silent_failure"])
def test_two_iterations_are_one_and_a_pass_from_plan(played: Played, scenario: str) -> None:
    trace = played(scenario)
    names = [row.essay.name for row in case_study_rows(trace) if row.essay]
    assert names == [step.name for step in (*essay.STEPS, *SECOND_PASS)]
    assert trace.duration_s == 16.4


def test_a_wrong_location_costs_three_short_calls_more(played: Played) -> None:
    from_locate = essay.pass_from("Locate file")
    assert played("wrong_location").duration_s == pytest.approx(
        8.9 + sum(step.total_s for step in from_locate), abs=1e-9
    )


@pytest.mark.parametrize("profile", [SLOW, sped_up(FAST, 0.4).but(name="2.5x")])
@pytest.mark.parametrize(
    ("scenario", "steps"), [("one_shot", ()), ("second_iteration", SECOND_PASS)]
)
def test_another_backend_follows_the_formula(
    profile: LatencyProfile, scenario: str, steps: list[essay.EssayStep]
) -> None:
    with connect("sim", profile=profile) as lab:
        trace = play(lab, scenario)
    expected = sum(
        profile.e2e_latency_s(step.output_tokens, step.input_tokens) if step.is_call else 3.0
        for step in (*essay.STEPS, *steps)
    )
    assert trace.duration_s == pytest.approx(expected, abs=1e-6)


def test_the_table_has_a_row_a_step(played: Played) -> None:
    table = case_study_table(played("one_shot"))
    assert list(table["step"]) == [row.step for row in case_study_rows(played("one_shot"))]
    assert (table["total_s"] == table["essay_total_s"]).all()
    calls = table[table["step"] != "run_tests"]
    assert (calls["ttft_s"] == calls["essay_ttft_s"]).all()
    assert (calls["output_tokens"] == calls["essay_tokens"]).all()
    tests = table[table["step"] == "run_tests"]
    assert tests[["output_tokens", "ttft_s", "essay_tokens", "essay_ttft_s"]].isna().all(axis=None)


def test_the_trace_is_a_file_that_gives_the_same_rows(played: Played, tmp_path: Path) -> None:
    trace = played("second_iteration")
    loaded = Trace.load(trace.save(tmp_path / "trace.json"))
    assert case_study_rows(loaded) == case_study_rows(trace)
    assert loaded.spans == trace.spans
    events = trace.chrome_events()
    assert [event["name"] for event in events if event["cat"] == "tool"].count("run_tests") == 2


def test_every_use_of_a_tool_is_in_the_trace(played: Played) -> None:
    tools = [span.name for span in played("one_shot").spans if span.kind == "tool"]
    assert tools == [
        "search",
        "locate",
        "read",
        "read",
        "propose",
        "edit",
        "run_tests",
        "verdict",
    ]


def test_two_runs_are_the_same_to_the_last_digit(played: Played) -> None:
    with connect("sim") as lab:
        assert play(lab, "one_shot").spans == played("one_shot").spans


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.idle
def test_over_http_the_table_agrees_within_three_percent() -> None:
    """Of a few runs the quickest of each step: a busy machine makes calls late, never early."""
    expected = {step.name: step.total_s for step in essay.STEPS if step.is_call}
    quickest = dict.fromkeys(expected, float("inf"))
    with connect("sim") as lab:
        play(lab, "one_shot")  # from now on it is known what pytest says
    for _ in range(5):
        with connect("mock") as lab:
            trace = play(lab, "one_shot")
        assert trace.result.solved
        took = {row.essay.name: row.total_s for row in case_study_rows(trace) if row.essay}
        assert 0 < took.pop("Run tests") < 3  # its own duration, not the modelled one
        quickest = {name: min(quickest[name], seconds) for name, seconds in took.items()}
        if quickest == pytest.approx(expected, rel=0.03):
            break
    assert quickest == pytest.approx(expected, rel=0.03)
