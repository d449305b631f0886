"""A router's score is what running its decisions costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.course.audit import ESSAY_MODELS, MAVERICK, SCOUT, Attempt
from labtools.course.routing.router_score import (
    SECOND_PASS,
    Confusion,
    always,
    best_length,
    by_length,
    by_type,
    clean_steps_needed,
    labelled_steps,
    score,
)
from labtools.errors import ConfigurationError, NothingMeasured
from labtools.lab.connect import connect

STEPS = labelled_steps()
HELD_OUT = [step for step in STEPS if step.held_out]


def scored(route, steps=STEPS, redo=SECOND_PASS):
    return score(route, steps, SCOUT, MAVERICK, redo)


def test_the_seconds_are_those_of_a_run():
    route = by_type({"tool_call", "verify"})

    async def all_steps():
        for step in HELD_OUT:
            model = "llama4-scout" if route(step.request) == "small" else "llama4-maverick"
            await lab.call(
                step.id,
                model=model,
                input_tokens=step.request.input_tokens,
                output_tokens=step.output_tokens,
            )

    with connect("sim", profile=ESSAY_MODELS) as lab:
        trace = lab.run(all_steps())
    found = scored(route, HELD_OUT)
    assert found.call_s == pytest.approx(trace.duration_s / len(HELD_OUT))
    usd = sum(
        ESSAY_MODELS[call.model].prices.cost_usd(call.input_tokens, 0, call.output_tokens)
        for call in trace.calls
    )
    assert found.call_usd == pytest.approx(usd / len(HELD_OUT))


def test_the_second_pass_is_the_essays():
    assert SECOND_PASS.total_s == pytest.approx(7.5)
    assert SECOND_PASS.usd == pytest.approx((6000 * 1.00 + 760 * 4.00) / 1e6)


def test_a_router_that_does_not_look():
    small, big = scored(always("small")), scored(always("big"))
    suffices = sum(step.small_suffices for step in STEPS)
    assert small.confusion == Confusion(suffices, len(STEPS) - suffices, 0, 0)
    assert big.confusion == Confusion(0, 0, suffices, len(STEPS) - suffices)
    assert big.redo_s == big.redo_usd == 0
    assert big.call_s == pytest.approx(3 * small.call_s)
    assert big.call_usd == pytest.approx(5 * small.call_usd)
    assert small.confusion.accuracy == suffices / len(STEPS)


@given(st.lists(st.booleans(), min_size=len(STEPS), max_size=len(STEPS)))
def test_every_decision_is_counted_once_and_paid_for_once(decisions):
    sent = dict(zip((step.request.text for step in STEPS), decisions, strict=True))
    found = scored(
        lambda request: "small" if sent[request.text] else "big", redo=Attempt(2.0, None, 8, 0.5)
    )
    table = found.confusion
    assert table.steps == len(STEPS)
    assert table.rightly_small + table.wrongly_small == sum(decisions)
    assert found.redo_s * table.steps == pytest.approx(2.0 * table.wrongly_small)
    assert found.total_s == pytest.approx(found.call_s + found.redo_s)
    assert found.total_usd == pytest.approx(found.call_usd + 0.5 * table.wrongly_small / 60)


def test_a_length_is_chosen_that_no_other_beats():
    for steps in (STEPS, HELD_OUT):
        best = best_length(steps, SCOUT, MAVERICK, SECOND_PASS)
        best_s = scored(by_length(best), steps).total_s
        assert all(
            best_s <= scored(by_length(limit), steps).total_s for limit in range(0, 5000, 50)
        )


def test_length_routes_up_to_the_limit():
    request = STEPS[0].request
    assert by_length(request.input_tokens)(request) == "small"
    assert by_length(request.input_tokens - 1)(request) == "big"


def test_a_score_needs_steps_and_a_choice():
    with pytest.raises(NothingMeasured, match="no steps"):
        scored(always("small"), [])
    with pytest.raises(ConfigurationError, match="choice of the router: 'medium'"):
        scored(always("medium"))


@given(st.floats(0.001, 0.9), st.floats(0.5, 0.999))
def test_clean_steps_are_enough_and_one_fewer_is_not(rate, confidence):
    n = clean_steps_needed(rate, confidence)
    assert (1 - rate) ** n <= 1 - confidence + 1e-12
    assert n == 1 or (1 - rate) ** (n - 1) > 1 - confidence - 1e-12


@pytest.mark.parametrize(("rate", "confidence"), [(0, 0.95), (1, 0.95), (0.1, 1), (0.1, 0)])
def test_clean_steps_need_shares(rate, confidence):
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        clean_steps_needed(rate, confidence)
