"""What each switch saves, against the latency model's own formulas."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from labtools import Trace, connect
from labtools.coding_agent import Switches, essay, play
from labtools.coding_agent.steps import STEPS
from labtools.course.routing.essay_models import ESSAY_MODELS, MAVERICK, SCOUT
from labtools.errors import ConfigurationError
from labtools.model.metrics import critical_path
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
}


def run(
    *names: str, scenario: str = "one_shot", profiles: Any = ESSAY_MODELS, **more: Any
) -> Trace:
    switches = {key: value for name in names for key, value in SWITCHES[name].items()}
    with connect("sim", profile=profiles, model=MAVERICK.name) as lab:
        return play(lab, scenario, switches=Switches(**switches, **more))


def call_s(profile: LatencyProfile, name: str) -> float:
    return profile.e2e_latency_s(ROWS[name].output_tokens, ROWS[name].input_tokens)


SAVED_ALONE = {
    "parallel_reads": 0.300,
    "several_tool_calls": 0.150,
    "routing": call_s(MAVERICK, "Locate file") - call_s(SCOUT, "Locate file"),
    "prefix_caching": 0.0,  # without a cache the order of a prompt changes nothing
    "speculative_tests": 0.450,
}


@pytest.mark.parametrize("name", SWITCHES)
def test_alone(name: str) -> None:
    trace = run(name)
    assert trace.result.solved
    assert trace.result.iterations == 1
    assert 8.9 - trace.duration_s == pytest.approx(SAVED_ALONE[name], abs=1e-6)


@pytest.mark.parametrize("pair", list(combinations(SWITCHES, 2)), ids="+".join)
def test_in_pairs_they_add_up_except_the_two_ways_to_read(pair: tuple[str, str]) -> None:
    saved_s = 8.9 - run(*pair).duration_s
    both_reads = pair == ("parallel_reads", "several_tool_calls")
    expected = 0.300 if both_reads else sum(SAVED_ALONE[name] for name in pair)
    assert saved_s == pytest.approx(expected, abs=1e-6)


def test_all_together() -> None:
    trace = run(*SWITCHES)
    assert trace.result.solved
    assert 8.9 - trace.duration_s == pytest.approx(
        sum(SAVED_ALONE.values()) - SAVED_ALONE["several_tool_calls"], abs=1e-6
    )


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
        if step.name != "read_both"
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
    path = [span.name for span in critical_path(list(spans.values())).spans]
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
