"""The router is its table; the cascade asks in turn and pays for everybody it asked."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.coding_agent.essay import DEFAULT_ROUTE, ROUTES
from labtools.dispatch.routing import (
    Cascaded,
    Router,
    break_even_escalation,
    cascade,
    cascade_s,
)
from labtools.errors import ConfigurationError

seconds = st.floats(0, 10)


def test_a_router_is_its_table_with_a_default():
    router = Router(DEFAULT_ROUTE, ROUTES)
    assert router.model_for("plan") == "llama4-maverick"
    assert router.model_for("code_generation") == "qwen3-coder"
    assert router.model_for("something new") == "llama4-scout"


@pytest.mark.parametrize(("default", "routes"), [("", {}), ("a", {"plan": None}), (None, {})])
def test_a_route_must_name_a_model(default, routes):
    with pytest.raises(ConfigurationError, match="must be the name of a model"):
        Router(default, routes)


def run_cascade(sim, models, takes_s, accepted, check_s=0.0):
    asked = []

    async def ask(model):
        asked.append(model)
        await asyncio.sleep(takes_s[model])
        return f"answer of {model}"

    async def accept(answer):
        await asyncio.sleep(check_s)
        return answer.split()[-1] in accepted

    started_at = sim.now
    result = sim.run(cascade(models, ask, accept))
    return result, asked, sim.now - started_at


def test_an_accepted_answer_asks_nobody_else(sim):
    result, asked, took_s = run_cascade(
        sim, ["small", "big"], {"small": 0.2, "big": 0.6}, {"small"}, check_s=0.1
    )
    assert result == Cascaded(("small",), ("answer of small",))
    assert (asked, result.escalated) == (["small"], False)
    assert took_s == pytest.approx(0.3)


def test_an_escalation_waits_for_the_small_model_and_the_check_as_well(sim):
    result, asked, took_s = run_cascade(
        sim, ["small", "big"], {"small": 0.2, "big": 0.6}, set(), check_s=0.1
    )
    assert asked == ["small", "big"]
    assert (result.answer, result.model, result.escalated) == ("answer of big", "big", True)
    assert took_s == pytest.approx(0.9)


def test_a_cascade_of_three_stops_in_the_middle(sim):
    takes_s = {"a": 1.0, "b": 2.0, "c": 4.0}
    result, asked, took_s = run_cascade(sim, ["a", "b", "c"], takes_s, {"b"})
    assert (asked, result.model, took_s) == (["a", "b"], "b", 3.0)


def test_a_plain_function_may_accept(sim):
    async def ask(model):
        return len(model)

    result = sim.run(cascade(["small", "big"], ask, lambda length: length < 4))
    assert result == Cascaded(("small", "big"), (5, 3))


def test_the_last_model_is_not_checked(sim):
    async def ask(model):
        return model

    def accept(answer):
        raise AssertionError("nobody is left to ask")

    assert sim.run(cascade(["only"], ask, accept)).answer == "only"


def test_what_a_model_raises_is_raised(sim):
    async def ask(model):
        raise TimeoutError(model)

    with pytest.raises(TimeoutError, match="small"):
        sim.run(cascade(["small", "big"], ask, lambda answer: True))


def test_a_cascade_of_nobody_is_refused(sim):
    with pytest.raises(ConfigurationError, match="at least one model"):
        sim.run(cascade([], None, None))


@given(seconds, seconds, st.floats(0.01, 10))
def test_at_the_break_even_rate_the_cascade_takes_as_long_as_the_big_model(small, check, big):
    rate = break_even_escalation(small, check, big)
    assert 0 <= rate <= 1
    at_rate_s = cascade_s(small, check, big, rate)
    assert at_rate_s == pytest.approx(big) or (rate == 0 and at_rate_s >= big)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_the_mean_is_the_mean_of_the_runs(escalations):
    small_s, check_s, big_s = 0.2, 0.1, 0.6
    total_s = sum(small_s + check_s + (big_s if one else 0) for one in escalations)
    rate = sum(escalations) / len(escalations)
    assert cascade_s(small_s, check_s, big_s, rate) * len(escalations) == pytest.approx(total_s)


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_an_escalation_rate_is_a_share(rate):
    with pytest.raises(ConfigurationError, match="0 to 1"):
        cascade_s(0.1, 0.1, 0.5, rate)


@pytest.mark.parametrize("times", [(-1, 0, 1), (0, -1, 1), (0, 0, 0)])
def test_break_even_refuses_what_is_no_time(times):
    with pytest.raises(ConfigurationError, match=r"_s is .*Allowed"):
        break_even_escalation(*times)
