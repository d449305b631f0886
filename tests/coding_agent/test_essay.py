"""The essay's table adds up, and the profile `fast` plays it."""

from __future__ import annotations

import pytest

from labtools.coding_agent.essay import DEFAULT_ROUTE, ROUTES, STEPS, pass_from
from labtools.course.audit import ESSAY_MODELS, MAVERICK, SCOUT, sped_up
from labtools.errors import ConfigurationError
from labtools.lab.connect import connect
from labtools.model.named_profiles import FAST

CALLS = [step for step in STEPS if step.is_call]


def test_the_totals_are_the_audited_ones():
    assert len(CALLS) == 8
    assert sum(step.total_s for step in STEPS) == pytest.approx(8.90)
    assert sum(step.total_s for step in CALLS) == pytest.approx(5.90)
    assert sum(step.output_tokens for step in CALLS) == 920


@pytest.mark.parametrize("step", CALLS, ids=lambda step: step.name)
def test_each_row_is_its_ttft_and_decode_on_the_fast_profile(step):
    assert step.ttft_s + step.decode_s == pytest.approx(step.total_s)
    assert step.decode_s == pytest.approx(step.output_tokens / 200)
    assert FAST.ttft_s(step.input_tokens) == pytest.approx(step.ttft_s)


def test_every_type_of_call_has_a_route_to_a_model_that_is_served():
    assert {step.type for step in CALLS} == set(ROUTES)
    assert {*ROUTES.values(), DEFAULT_ROUTE} == set(ESSAY_MODELS)


def test_a_second_pass_starts_at_the_named_step():
    again = pass_from("Understand + plan")
    assert again[0].name == "Understand + plan"
    assert sum(step.total_s for step in again) == pytest.approx(7.50)
    with pytest.raises(ConfigurationError, match="Unknown step: 'Deploy'"):
        pass_from("Deploy")


@pytest.mark.parametrize(
    ("small_types", "expected_s"),
    [(set(), 8.90), ({"tool_call"}, 8.90 - 1.85 * 2 / 3), ({"tool_call", "verify"}, 7.2333333)],
)
def test_the_steps_run_take_what_the_table_says(small_types, expected_s):
    async def task():
        for step in STEPS:
            if not step.is_call:
                await lab.tool(step.name, step.total_s)
                continue
            model = "llama4-scout" if step.type in small_types else "llama4-maverick"
            await lab.call(
                step.name,
                model=model,
                input_tokens=step.input_tokens,
                output_tokens=step.output_tokens,
            )

    with connect("sim", profile=ESSAY_MODELS) as lab:
        assert lab.run(task()).duration_s == pytest.approx(expected_s, abs=1e-6)


@pytest.mark.parametrize("tokens", [(1, 1), (400, 2000), (30, 7)])
def test_a_sped_up_profile_is_that_much_faster_at_any_length(tokens):
    slow_s, fast_s = (one.e2e_latency_s(*tokens) for one in (MAVERICK, SCOUT))
    assert slow_s / fast_s == pytest.approx(3)
    assert sped_up(MAVERICK, 0.4).e2e_latency_s(*tokens) == pytest.approx(2.5 * slow_s)


def test_a_factor_must_be_above_0():
    with pytest.raises(ConfigurationError, match="above 0"):
        sped_up(FAST, 0)
