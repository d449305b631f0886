"""The essay's totals for its case study, worked out from its table and compared with runs."""

from __future__ import annotations

import pytest

from labtools import connect
from labtools.coding_agent import Switches, essay, play
from labtools.coding_agent.pytest_run import Tested
from labtools.coding_agent.steps import STEPS
from labtools.course.audit import (
    ESSAY_MODELS,
    MAVERICK,
    ROUTABLE,
    SCOUT,
    Changes,
    pass_s,
    slower_for,
    smallest_additions,
    sped_up,
)
from labtools.errors import ConfigurationError
from labtools.model.named_profiles import FAST

ESSAYS = Changes(parallel_reads=True, routed=frozenset({"Locate file"}))
FROM_PLAN = essay.pass_from("Understand + plan")
NAMES = {step.row.name: step.name for step in STEPS if step.name != "read_both"}


def essays_with(ttft_cut):
    return Changes(True, False, ttft_cut, ESSAYS.routed)


@pytest.fixture(scope="module")
def tested() -> Tested:
    return {}


def test_without_changes_it_is_the_table():
    assert pass_s() == 8.9
    assert pass_s(steps=FROM_PLAN) == 7.5


def test_the_essays_three_changes_do_not_reach_seven():
    assert pass_s(ESSAYS) == pytest.approx(8.9 - 0.3 - 0.35 * 2 / 3)
    assert pass_s(essays_with(0.31)) == pytest.approx(8.150, abs=5e-4)
    assert pass_s(essays_with(1.0)) == pytest.approx(7.667, abs=5e-4)


@pytest.mark.parametrize(
    "changes",
    [
        ESSAYS,
        Changes(speculative_tests=True),
        Changes(True, True, routed=frozenset({"Apply patch", "Read source"})),
        Changes(True, True, routed=frozenset(ROUTABLE)),
    ],
)
def test_a_run_without_a_cache_takes_what_is_worked_out(changes, tested):
    switches = Switches(
        parallel_reads=changes.parallel_reads,
        speculative_tests=changes.speculative_tests,
        routing={NAMES[row]: SCOUT.name for row in changes.routed},
    )
    with connect("sim", profile=ESSAY_MODELS, model=MAVERICK.name) as lab:
        trace = play(lab, "one_shot", switches=switches, tested=tested)
    assert trace.duration_s == pytest.approx(pass_s(changes), abs=1e-6)


def test_a_slower_backend_slows_the_calls_and_not_the_tests(tested):
    with connect("sim", profile=sped_up(FAST, 0.4).but(name="2.5x")) as lab:
        trace = play(lab, "second_iteration", tested=tested)
    both = pass_s(slower=2.5) + pass_s(steps=FROM_PLAN, slower=2.5)
    assert trace.duration_s == pytest.approx(both, abs=1e-6)
    assert both == 32.0


def test_the_smallest_additions_reach_the_target_and_nothing_smaller_does():
    (best, *_) = found = smallest_additions(7.4999, essays_with(0.31))
    assert all(pass_s(changes) < 7.5 for changes in found)
    assert pass_s(best) == min(map(pass_s, found))
    assert all(
        len(changes.routed - ESSAYS.routed) + changes.speculative_tests == 2 for changes in found
    )
    without_verify = [name for name in ROUTABLE if name != "Verify"]
    assert smallest_additions(7.4999, essays_with(0.31), without_verify) == [
        Changes(True, True, 0.31, frozenset({"Locate file", "Parse error"}))
    ]


def test_what_is_reached_already_needs_no_addition_and_the_impossible_has_none():
    assert smallest_additions(9.0, ESSAYS) == [ESSAYS]
    assert smallest_additions(5.0, ESSAYS) == []


def test_the_factor_past_forty_seconds():
    factor = slower_for(40, 2 * 5.9, 2 * 3.0)
    assert factor == pytest.approx(2.88, abs=0.005)
    assert 2 * pass_s(slower=factor) == pytest.approx(40)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Changes(ttft_cut=31), "0 to 1"),
        (lambda: Changes(routed=frozenset({"Run tests"})), "Run tests"),
        (lambda: slower_for(40, 0, 6), "above 0"),
    ],
)
def test_what_cannot_be_is_refused(wrong, said):
    with pytest.raises(ConfigurationError, match=said):
        wrong()
