"""What checking and repeating buys: the closed forms against steps and chains that are drawn."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.course.verifiers import (
    NO_CHECK,
    Verifier,
    assumed_verifiers,
    both_accept,
    cap,
    chain_outcomes,
    chance_within,
    checker,
    longest_chain,
    step_outcomes,
    tries_that_fit,
)
from labtools.errors import ConfigurationError

share = st.floats(0, 1)
GOOD = checker(0.9, 0.05)


def drawn(rng: random.Random, p: float, check: Verifier, tries: int) -> tuple[str, int]:
    """One step, by chance: how it ends, after how many attempts."""
    for attempt in range(1, tries + 1):
        ok = rng.random() < p
        if check.accepts("right" if ok else "subtle", rng.random()):
            return ("right" if ok else "wrong"), attempt
    return "handed_over", tries


@pytest.mark.parametrize(("p", "check", "attempts"), [(0.9, GOOD, 3), (0.6, checker(0.5, 0.2), 2)])
def test_drawn_chains_end_as_the_closed_form_says(p, check, attempts):
    rng, runs, steps = random.Random(8), 20_000, 4
    ends = {"right": 0, "wrong": 0, "handed_over": 0}
    tried = 0
    for _ in range(runs):
        end = "right"
        for _ in range(steps):
            one, used = drawn(rng, p, check, attempts)
            tried += used
            if one == "handed_over":
                end = one
                break
            end = "wrong" if one == "wrong" else end
        ends[end] += 1
    expected = chain_outcomes(p, steps, check, attempts)
    for name, count in ends.items():
        assert count / runs == pytest.approx(getattr(expected, name), abs=0.012)
    assert tried / runs == pytest.approx(expected.attempts, rel=0.01)


@pytest.mark.parametrize(("tries", "check"), [(8, GOOD), (12, checker(0.5, 0.1)), (4, NO_CHECK)])
def test_drawn_budgets_end_as_the_closed_form_says(tries, check):
    rng, runs, steps, p = random.Random(3), 20_000, 4, 0.8
    good = 0
    for _ in range(runs):
        accepted = [
            end
            for end, _ in (drawn(rng, p, check, 1) for _ in range(tries))
            if end != "handed_over"
        ]
        good += len(accepted) >= steps and all(end == "right" for end in accepted[:steps])
    assert good / runs == pytest.approx(chance_within(tries, p, steps, check), abs=0.012)


@given(share, share, share, st.integers(1, 6), st.integers(1, 6))
def test_the_ends_of_a_chain_are_all_there_is(p, catch, alarm, steps, attempts):
    ends = chain_outcomes(p, steps, checker(catch, alarm), attempts)
    assert ends.right + ends.wrong + ends.handed_over == pytest.approx(1)
    assert min(ends.right, ends.wrong, ends.handed_over) > -1e-12
    assert ends.attempts <= steps * attempts * (1 + 1e-12)


@given(st.floats(0.01, 0.99), st.floats(0, 0.99), st.floats(0, 0.99), st.integers(1, 8))
def test_no_number_of_attempts_passes_the_cap(p, catch, alarm, steps):
    check = checker(catch, alarm)
    limit = cap(p, check) ** steps
    successes = [chain_outcomes(p, steps, check, attempts).right for attempts in (1, 2, 5, 20)]
    assert successes == sorted(successes)
    assert successes[-1] <= limit + 1e-9
    assert chain_outcomes(p, steps, check, 5000).right == pytest.approx(limit, abs=1e-3)
    assert chance_within(40, p, steps, check) <= limit + 1e-9


@given(share, st.integers(1, 10), st.integers(0, 20))
def test_without_a_check_spare_tries_change_nothing(p, steps, spare):
    assert chance_within(steps + spare, p, steps) == pytest.approx(p**steps)


def test_a_perfect_check_has_no_cap_and_a_hopeless_step_no_chance():
    assert cap(0.3, checker(1.0, 0.4)) == 1
    assert cap(0.0, checker(0.5)) == 0
    assert chain_outcomes(0.0, 1, GOOD, 3).right == 0
    assert chain_outcomes(0.0, 1, GOOD, 3).wrong == pytest.approx(1 - 0.9**3)


def test_a_second_check_lifts_the_cap_and_rejects_more_of_the_right():
    twice = both_accept(GOOD, GOOD)
    assert twice.catch_rate == pytest.approx(0.99)
    assert twice.false_alarm_rate == pytest.approx(1 - 0.95**2)
    assert cap(0.9, twice) > cap(0.9, GOOD)
    assert chain_outcomes(0.9, 10, twice, 2).right < chain_outcomes(0.9, 10, GOOD, 2).right
    assert both_accept(GOOD, NO_CHECK) == GOOD


def test_a_task_is_a_step_that_is_tried_twice():
    task = assumed_verifiers().outcomes(GOOD)
    assert task == step_outcomes(0.8, GOOD, 2)
    assert task.attempts == pytest.approx(1 + 0.8 * 0.05 + 0.2 * 0.9)


@given(share, share, share)
def test_catching_more_never_delivers_more_wrong_fixes(right, one, other):
    weak, strong = (step_outcomes(right, checker(rate, 0.05)) for rate in sorted((one, other)))
    assert strong.wrong <= weak.wrong + 1e-12
    assert strong.attempts == weak.attempts == 1


@given(st.floats(0, 0.999999))
def test_on_one_draw_the_better_verifier_accepts_no_wrong_fix_that_the_other_rejects(draw):
    big, small = assumed_verifiers().by_model.values()
    for fix in ("obvious", "subtle"):
        assert small.accepts(fix, draw) or not big.accepts(fix, draw)
    assert big.accepts("right", draw) == small.accepts("right", draw)


def test_the_assumed_verifiers_look_alike_on_what_is_obvious_only():
    big, small = (verifier.catch_rates for verifier in assumed_verifiers().by_model.values())
    assert big["obvious"] - small["obvious"] < 0.05
    assert big["subtle"] - small["subtle"] > 0.3


@pytest.mark.parametrize(
    ("budget_s", "try_s", "fits"), [(20, 2, 10), (20, 2 / 3, 30), (20, 0.65, 30), (1.9, 2, 0)]
)
def test_tries_that_fit(budget_s, try_s, fits):
    assert tries_that_fit(budget_s, try_s) == fits


def test_the_longest_chain_is_the_last_that_succeeds_often_enough():
    assert longest_chain(30, 0.9) == 6  # 0.9**6 = 53%, 0.9**7 = 48%
    found = longest_chain(15, 0.9, GOOD)
    assert chance_within(15, 0.9, found, GOOD) >= 0.5
    assert chance_within(15, 0.9, found + 1, GOOD) < 0.5
    assert longest_chain(10, 0.1) == 0
    assert longest_chain(0, 0.9) == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: chain_outcomes(0.9, 0), "steps is 0"),
        (lambda: chain_outcomes(0.9, True), "steps is True"),
        (lambda: chain_outcomes(1.1, 3), "right_rate is 1.1"),
        (lambda: chain_outcomes(0.9, 3, GOOD, 0), "attempts is 0"),
        (lambda: chance_within(3, 0.9, 0), "steps is 0"),
        (lambda: checker(1.5), "rate of subtle is 1.5"),
        (lambda: GOOD.accepts("perfect", 0.5), "kind of fix: 'perfect'"),
        (lambda: tries_that_fit(20, 0), "try_s is 0"),
        (lambda: tries_that_fit(-1, 1), "budget_s is -1"),
    ],
)
def test_what_cannot_be_is_refused(call, said):
    with pytest.raises(ConfigurationError, match=said):
        call()
