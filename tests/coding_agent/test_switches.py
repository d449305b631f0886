"""What each switch saves, against the latency model's own formulas."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from labtools import Trace, connect
from labtools.coding_agent import Switches, essay, load_scenario, play
from labtools.coding_agent.steps import STEPS
from labtools.coding_agent.tools import IN_CODE
from labtools.course.audit import ESSAY_MODELS, MAVERICK, SCOUT
from labtools.errors import ConfigurationError
from labtools.lab.waits import Order
from labtools.model.profile import LatencyProfile, PrefixCache

pytestmark = pytest.mark.usefixtures("remembered_test_runs")

CACHE = PrefixCache(block_tokens=16, minimum_tokens=256)
CACHING = {name: profile.but(prefix_cache=CACHE) for name, profile in ESSAY_MODELS.items()}
ROWS = {row.name: row for row in essay.STEPS}
SHORT = ("parse_error", "locate_file", "read_source", "read_test", "apply_patch")

SWITCHES: dict[str, dict[str, Any]] = {
    "parallel_reads": {"parallel_reads": True},
    "several_tool_calls": {"several_tool_calls": True},
    "routing": {"routing": {"locate_file": SCOUT.name}},
    "prefix_caching": {"prefix_caching": True},
    "speculative_tests": {"speculative_tests": True},
    "harness": {"harness": IN_CODE},
    "edits": {"edits": True},
    "plan_and_fix": {"plan_and_fix": True},
    "tests_decide": {"tests_decide": True},
    "plan_tokens": {"plan_tokens": 80},
    "predicted_output": {"predicted_output": True},
}


def run(
    *names: str,
    scenario: str = "one_shot",
    profiles: Any = ESSAY_MODELS,
    script: Any = None,
    **more: Any,
) -> Trace:
    switches = {key: value for name in names for key, value in SWITCHES[name].items()}
    with connect("sim", profile=profiles, model=MAVERICK.name) as lab:
        return play(lab, scenario, switches=Switches(**switches, **more), script=script)


def call_s(profile: LatencyProfile, name: str) -> float:
    return profile.e2e_latency_s(ROWS[name].output_tokens, ROWS[name].input_tokens)


SAVED_ALONE = {
    "parallel_reads": 0.300,
    "several_tool_calls": 0.150,
    "routing": call_s(MAVERICK, "Locate file") - call_s(SCOUT, "Locate file"),
    "prefix_caching": 0.0,  # without a cache the order of a prompt changes nothing
    "speculative_tests": 0.450,
    "harness": 0.450 + 0.350 + 0.300 + 0.300 + 0.450,
    "edits": 2.200
    + 0.450
    - 0.500,  # the fix and the patch are one answer, of the patch's 60 tokens
    "plan_and_fix": 0.200,  # one TTFT
    "tests_decide": 0.650,
    "plan_tokens": 0.600,  # 120 tokens
    "predicted_output": 0.0,  # this endpoint accepts none
}
SAVED_ONCE = {
    ("parallel_reads", "several_tool_calls"): 0.150,
    ("parallel_reads", "harness"): 0.300,
    ("several_tool_calls", "harness"): 0.150,
    ("routing", "harness"): SAVED_ALONE["routing"],
    ("speculative_tests", "harness"): 0.450,
    ("speculative_tests", "edits"): 0.450,
    ("harness", "edits"): 0.450,
}
"""What two switches both take away: the same call, or one behind which the other hides a step."""


@pytest.mark.parametrize("name", SWITCHES)
def test_alone(name: str) -> None:
    trace = run(name)
    assert trace.result.solved
    assert trace.result.iterations == 1
    assert 8.9 - trace.duration_s == pytest.approx(SAVED_ALONE[name], abs=1e-6)


@pytest.mark.parametrize("pair", list(combinations(SWITCHES, 2)), ids="+".join)
def test_in_pairs_they_add_up_except_where_both_take_away_the_same(pair: tuple[str, str]) -> None:
    saved_s = 8.9 - run(*pair).duration_s
    expected = sum(SAVED_ALONE[name] for name in pair) - SAVED_ONCE.get(pair, 0.0)
    assert saved_s == pytest.approx(expected, abs=1e-6)


FASTER = list(SWITCHES)[:5]


def test_the_older_five_together() -> None:
    trace = run(*FASTER)
    assert trace.result.solved
    assert 8.9 - trace.duration_s == pytest.approx(
        sum(SAVED_ALONE[name] for name in FASTER) - SAVED_ALONE["several_tool_calls"], abs=1e-6
    )


def test_all_together_leave_one_call_and_the_tests() -> None:
    trace = run(*SWITCHES)
    assert trace.result.solved
    assert trace.result.calls == 1
    # One answer with a plan of 80 tokens and an edit of 60.
    assert trace.duration_s == pytest.approx(0.200 + 140 / 200 + 3.0, abs=1e-9)


def test_the_calls_left_out_bring_the_case_study_to_seven_seconds() -> None:
    trace = run("harness")
    assert trace.duration_s == 7.05
    assert [span.name for span in trace.spans if span.call] == ["plan", "generate_fix", "verify"]
    assert run("harness", "tests_decide").duration_s == 6.4


@pytest.mark.parametrize("scenario", ["one_shot", "second_iteration", "silent_failure"])
@pytest.mark.parametrize("more", [(), ("edits",), ("edits", "plan_and_fix", "plan_tokens")])
def test_the_harness_and_short_answers_repair_the_same(
    scenario: str, more: tuple[str, ...]
) -> None:
    trace = run("harness", *more, scenario=scenario)
    assert (trace.result.accepted, trace.result.solved) == (True, True)
    assert trace.result.diff == run(scenario=scenario).result.diff


def test_where_the_harness_looks_in_the_wrong_file_a_model_looks_again() -> None:
    trace = run("harness", scenario="wrong_location")
    assert trace.result.solved
    assert trace.duration_s == 2 * 7.05 + 0.35
    assert [span.name for span in trace.spans if span.call].count("locate_file") == 1


@pytest.mark.parametrize(("more", "stopped"), [((), "iterations"), (("edits",), "stuck")])
def test_where_nobody_verifies_nobody_looks_elsewhere(more: tuple[str, ...], stopped: str) -> None:
    outcome = run("harness", "tests_decide", *more, scenario="wrong_location").result
    assert (outcome.stopped, outcome.tests_passed, outcome.solved) == (stopped, False, False)
    assert outcome.diff == ""


def test_where_nobody_verifies_a_wrong_fix_that_passes_is_accepted() -> None:
    outcome = run("tests_decide", scenario="silent_failure").result
    assert (outcome.accepted, outcome.solved, outcome.iterations) == (True, False, 1)


def test_an_edit_that_does_not_apply_costs_the_answer_again() -> None:
    scripted = load_scenario("one_shot").script

    def script(asking: Any) -> Any:
        said = scripted(asking)
        if asking.step in ("generate_fix", "plan_and_fix") and asking.attempt == 1:
            said["content"] = said["content"].replace("return items //", "return item //")
        return said

    trace = run("edits", script=script)
    assert trace.result.solved
    (error,) = [span.error for span in trace.spans if span.error]
    assert "occurs 0 times" in error
    # The second prompt is longer by the first answer and what was wrong with it.
    first, again = [span.call for span in trace.spans if span.name == "generate_fix"]
    more_s = (again.input_tokens - first.input_tokens) / MAVERICK.prefill_tokens_per_s
    assert trace.duration_s == pytest.approx(8.9 - 2.15 + 0.5 + more_s, abs=1e-6)
    merged = run("edits", "plan_and_fix", script=script)
    assert merged.duration_s == pytest.approx(8.9 - 2.35 + 1.5 + more_s, abs=0.01)


def test_a_plan_about_another_file_is_seen_before_it_is_carried_out() -> None:
    scripted = load_scenario("one_shot").script
    elsewhere = load_scenario("silent_failure").script

    def script(asking: Any) -> Any:
        wrong = asking.step == "plan" and asking.attempt == 1
        return (elsewhere if wrong else scripted)(asking)

    trace = run(script=script)
    (error,) = [span.error for span in trace.spans if span.error]
    assert "names nothing that listing/pages.py defines" in error
    assert trace.result.calls == 9
    assert trace.duration_s == pytest.approx(8.9 + 1.2, abs=0.02)


PREDICTING = {
    name: profile.but(prediction_tokens_per_step=16) for name, profile in ESSAY_MODELS.items()
}


def test_a_prediction_saves_steps_and_costs_what_is_rejected() -> None:
    plain, predicted = run(), run("predicted_output", profiles=PREDICTING)
    assert predicted.result.solved
    assert predicted.result.output_tokens > plain.result.output_tokens
    assert plain.duration_s - predicted.duration_s > 1
    assert run("predicted_output", "edits", profiles=PREDICTING).duration_s == pytest.approx(
        run("edits").duration_s
    )


@pytest.mark.parametrize(
    ("switches", "reason"),
    [
        ({"harness": ("verify",)}, r"'verify'\. Allowed: apply_patch"),
        ({"plan_tokens": 0}, "plan_tokens is 0"),
    ],
)
def test_a_switch_that_cannot_be(switches: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        Switches(**switches)


def test_parallel_reads_overlap_and_several_tool_calls_are_one_call() -> None:
    reads = {span.name: span for span in run("parallel_reads").spans if span.call}
    assert reads["read_source"].started_at == reads["read_test"].started_at
    trace = run("several_tool_calls")
    (both,) = [span.call for span in trace.spans if span.name == "read_both"]
    assert both is not None
    assert [call.name for call in both.tool_calls] == ["read", "read"]
    assert (both.input_tokens, both.output_tokens) == (1000, 60)
    assert trace.result.calls == 7


def test_routing_sends_named_steps_to_their_models() -> None:
    routing = dict.fromkeys(SHORT, SCOUT.name)
    trace = run(routing=routing)
    assert {span.name: span.call.model for span in trace.spans if span.call} == {
        step.name: routing.get(step.name, MAVERICK.name)
        for step in STEPS
        if step.name not in ("read_both", "plan_and_fix")
    }


def test_routing_knows_the_steps() -> None:
    with pytest.raises(
        ConfigurationError, match=r"'tool_call'\. Allowed: apply_patch, generate_fix"
    ):
        Switches(routing={"tool_call": SCOUT.name})


@pytest.mark.parametrize("cached", [False, True])
def test_prefix_caching_needs_both_the_layout_and_the_cache(cached: bool) -> None:
    profiles = CACHING if cached else ESSAY_MODELS
    trace = run("prefix_caching", profiles=profiles)
    saved_s = sum(call.cached_tokens or 0 for call in trace.calls) / MAVERICK.prefill_tokens_per_s
    assert (saved_s > 0.2) == cached
    assert 8.9 - trace.duration_s == pytest.approx(saved_s, abs=1e-6)
    assert run(profiles=profiles).duration_s == 8.9


def test_a_cached_prefix_grows_from_plan_to_fix() -> None:
    calls = {span.name: span.call for span in run("prefix_caching", profiles=CACHING).spans}
    assert calls["parse_error"].cached_tokens == 0
    for name in (*SHORT[1:], "verify"):
        assert calls[name].cached_tokens > 500, name
    assert calls["generate_fix"].cached_tokens > 1400


def test_the_speculative_run_hides_the_patch_from_the_critical_path() -> None:
    trace = run("speculative_tests")
    spans = {span.name: span for span in trace.spans if span.call or span.name == "run_tests"}
    assert spans["run_tests"].started_at == spans["generate_fix"].ended_at
    assert spans["run_tests"].started_at == spans["apply_patch"].started_at
    order = Order(list(spans.values()), trace.started_at, trace.ended_at)
    path = [stretch.span.name for stretch in order.critical_path() if stretch.span]
    assert path == [
        "parse_error",
        "locate_file",
        "read_source",
        "read_test",
        "plan",
        "generate_fix",
        "run_tests",
        "verify",
    ]


def test_speculation_pays_in_every_iteration() -> None:
    trace = run("speculative_tests", scenario="second_iteration")
    assert trace.duration_s == pytest.approx(16.4 - 2 * 0.45, abs=1e-9)
    assert trace.result.solved


def test_a_smaller_verifier_lets_the_wrong_fix_pass() -> None:
    big = run(scenario="silent_failure")
    small = run(scenario="silent_failure", routing={"verify": SCOUT.name})
    assert (big.result.accepted, big.result.solved, big.result.iterations) == (True, True, 2)
    assert (small.result.accepted, small.result.solved, small.result.iterations) == (True, False, 1)
    assert small.result.tests_passed
    assert small.duration_s < big.duration_s / 1.9
