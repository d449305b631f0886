"""The long run is what many drawn tasks come to, and the data hold what the lab relies on."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.course.verifiers import Verifier, assumed_verifiers, expected_outcomes
from labtools.errors import ConfigurationError

shares = st.floats(0, 1)


@given(shares, shares, shares, st.integers(1, 4))
def test_every_task_ends_in_one_way(wrong, catches, false_alarms, attempts):
    found = expected_outcomes(Verifier({"subtle": catches}, false_alarms), wrong, attempts)
    assert found.right + found.wrong + found.handed_over == pytest.approx(1)
    assert 1 <= found.passes <= attempts + 1e-9


@given(shares, shares, shares)
def test_catching_more_never_delivers_more_wrong_fixes(wrong, one, other):
    low, high = sorted((one, other))
    weak, strong = (
        expected_outcomes(Verifier({"subtle": rate}, 0.05), wrong, attempts=1)
        for rate in (low, high)
    )
    assert strong.wrong <= weak.wrong + 1e-12
    assert strong.passes == weak.passes == 1


def test_the_long_run_is_what_many_tasks_come_to():
    verifier, rng, tasks = Verifier({"subtle": 0.5}, 0.05), random.Random(1), 20_000
    ends, passes = {"right": 0, "wrong": 0, "handed over": 0}, 0
    for _ in range(tasks):
        end = "handed over"
        for _ in range(2):
            passes += 1
            fix = "subtle" if rng.random() < 0.2 else "right"
            if verifier.accepts(fix, rng.random()):
                end = "right" if fix == "right" else "wrong"
                break
        ends[end] += 1
    expected = expected_outcomes(verifier, 0.2)
    assert ends["wrong"] / tasks == pytest.approx(expected.wrong, abs=0.01)
    assert ends["right"] / tasks == pytest.approx(expected.right, abs=0.01)
    assert passes / tasks == pytest.approx(expected.passes, abs=0.01)


@given(st.floats(0, 0.999999))
def test_on_one_draw_the_better_verifier_accepts_no_wrong_fix_that_the_other_rejects(draw):
    big, small = (
        assumed_verifiers().by_model[name] for name in ("llama4-maverick", "llama4-scout")
    )
    for fix in ("obvious", "subtle"):
        assert small.accepts(fix, draw) or not big.accepts(fix, draw)
    assert big.accepts("right", draw) == small.accepts("right", draw)


def test_the_assumed_verifiers_look_alike_on_what_is_obvious_only():
    big, small = (
        assumed_verifiers().by_model[name].catch_rates
        for name in ("llama4-maverick", "llama4-scout")
    )
    assert big["obvious"] - small["obvious"] < 0.05
    assert big["subtle"] - small["subtle"] > 0.3


def test_what_is_no_rate_and_what_is_no_fix():
    with pytest.raises(ConfigurationError, match="rate of subtle is 2"):
        Verifier({"subtle": 2}, 0.05)
    with pytest.raises(ConfigurationError, match="kind of fix: 'perfect'"):
        Verifier({"subtle": 0.5}, 0.05).accepts("perfect", 0.5)
    with pytest.raises(ConfigurationError, match="attempts must be at least 1"):
        expected_outcomes(Verifier({"subtle": 0.5}, 0.05), 0.2, attempts=0)
