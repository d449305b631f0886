"""Faults by script and by chance: which request meets which, and what they amount to."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.errors import ConfigurationError
from labtools.mock.faults import KINDS, Fault, FaultPlan


def met(plan, requests, seed=0):
    return [plan.fault_for(number, random.Random(f"{seed}/{number}")) for number in requests]


def test_a_script_counts_the_requests_from_one():
    third = Fault("500")
    assert met(FaultPlan(script={3: third}), range(1, 6)) == [None, None, third, None, None]


def test_a_script_comes_before_chance():
    plan = FaultPlan(script={2: Fault("500")}, chances={Fault("503"): 1.0})
    assert [fault.kind for fault in met(plan, range(1, 4))] == ["503", "500", "503"]


def test_without_a_plan_nothing_fails():
    assert met(FaultPlan(), range(1, 1000)) == [None] * 999


def test_chances_are_met_as_often_as_they_say():
    chances = {Fault("500"): 0.1, Fault("cut"): 0.25}
    n = 4000
    found = met(FaultPlan(chances=chances), range(n))
    for fault, chance in chances.items():
        # Four standard errors of a share of n.
        error = 4 * math.sqrt(chance * (1 - chance) / n)
        assert found.count(fault) / n == pytest.approx(chance, abs=error)


def test_the_same_request_meets_the_same_fault():
    plan = FaultPlan(chances={Fault("500"): 0.5})
    assert met(plan, range(50)) == met(plan, range(50))
    assert met(plan, range(50)) != met(plan, range(50), seed=1)


@pytest.mark.parametrize("plan", [FaultPlan(), FaultPlan(script={1: Fault("cut")})])
def test_a_fault_takes_one_draw_whatever_the_plan(plan):
    with_plan, bare = random.Random(5), random.Random(5)
    plan.fault_for(1, with_plan)
    bare.random()
    assert with_plan.random() == bare.random()


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("503", 503)])
def test_some_faults_refuse(kind, status):
    refusal = Fault(kind, seconds=2.5).refusal()
    assert refusal.status == status
    assert refusal.headers.get("retry-after") == ("2.5" if kind == "429" else None)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"429", "500", "503"}))
def test_the_others_let_the_request_in(kind):
    assert Fault(kind).refusal() is None


def test_an_unknown_fault_names_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"fault: 'explode'.*429, 500, 503, cut"):
        Fault("explode")


@pytest.mark.parametrize("seconds", [-1, math.inf, math.nan])
def test_a_fault_lasts_a_finite_time(seconds):
    with pytest.raises(ConfigurationError, match=r"A fault's seconds is .*at least 0"):
        Fault("stall", seconds)


@pytest.mark.parametrize("number", [0, -1, 1.0, True, "1"])
def test_a_script_of_no_request_is_refused(number):
    with pytest.raises(
        ConfigurationError, match=r"number in the script is .*whole number, at least 1"
    ):
        FaultPlan(script={number: Fault("500")})


@pytest.mark.parametrize("plan", [{"script": {1: "500"}}, {"chances": {"500": 0.1}}])
def test_a_plan_holds_faults_and_not_their_names(plan):
    with pytest.raises(ConfigurationError, match=r"found '500'.*Fault\('500'\)"):
        FaultPlan(**plan)


@pytest.mark.parametrize("chance", [-0.1, 1.1, math.nan])
def test_a_chance_is_between_none_and_all(chance):
    with pytest.raises(ConfigurationError, match=r"chance of 500 is .*from 0 to 1"):
        FaultPlan(chances={Fault("500"): chance})


def test_chances_add_up_to_at_most_one():
    with pytest.raises(ConfigurationError, match=r"sum of all chances is 1.1.*at most 1"):
        FaultPlan(chances={Fault("500"): 0.6, Fault("503"): 0.5})


@given(st.lists(st.integers(0, 100), min_size=4, max_size=4).filter(any))
def test_shares_of_a_whole_are_accepted_whatever_floats_make_of_their_sum(parts):
    chances = {
        Fault("stall", seconds): part / sum(parts) for seconds, part in enumerate(parts, start=1)
    }
    FaultPlan(chances=chances)
