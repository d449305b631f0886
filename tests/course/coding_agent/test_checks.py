"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import pytest
from check_cases import mistakes_are_named, right_answers_pass

from labtools import connect
from labtools.coding_agent import Switches, play
from labtools.course.audit import ESSAY_MODELS, MAVERICK, SCOUT
from labtools.course.coding_agent.checks import (
    check_critical_path,
    check_switches,
    check_unsafe_steps,
)
from labtools.lab.waits import Order
from labtools.model.profile import PrefixCache

CACHE = PrefixCache(block_tokens=16, minimum_tokens=256)
MODELS = {name: model.but(prefix_cache=CACHE) for name, model in ESSAY_MODELS.items()}
ENOUGH = {
    "parallel_reads": True,
    "prefix_caching": True,
    "speculative_tests": True,
    "routing": {"parse_error": SCOUT.name, "locate_file": SCOUT.name},
}


def right_path(spans):
    order = Order(spans, 0.0, max(span.ended_at for span in spans))
    return [stretch.span.name for stretch in order.critical_path() if stretch.span]


def only_the_longest(spans):
    return [max(spans, key=lambda span: span.ended_at - span.started_at).name]


def all_but_the_first(spans):
    return right_path(spans)[1:]


def the_first_that_had_ended(spans):
    path = [max(spans, key=lambda span: span.ended_at)]
    while earlier := [span for span in spans if span.ended_at <= path[0].started_at]:
        start = max(span.started_at for span in earlier)
        path.insert(0, next(span for span in earlier if span.started_at == start))
    return [span.name for span in path]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda spans: [span.name for span in spans], "read_source ran beside"),
        (lambda spans: right_path(spans)[::-1], "first one first"),
        (only_the_longest, "plan, read_test, fix|is missing"),
        (lambda spans: right_path(spans)[:-1], "ends with the step that ends last, tests"),
        (all_but_the_first, "plan is missing"),
        (the_first_that_had_ended, "Nothing waited for read_source"),
        (lambda spans: [], "You say nothing"),
        (lambda spans: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_critical_path_names_the_mistake(answer, said):
    verdict = check_critical_path(answer)
    assert not verdict.passed
    assert any(words in verdict.message for words in said.split("|")), verdict


def test_critical_path_passes():
    assert check_critical_path(right_path).passed


@pytest.fixture(scope="module")
def run():
    tested = {}

    def play_with(**switches):
        with connect("sim", profile=MODELS, model=MAVERICK.name) as lab:
            return play(lab, "one_shot", switches=Switches(**switches), tested=tested)

    return play_with


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"parallel_reads": True}, "1.100 s too long"),
        ({**ENOUGH, "several_tool_calls": True}, "without several_tool_calls it takes 7.467 s"),
        (
            {"parallel_reads": True, "several_tool_calls": True},
            "do the same work; one of them is idle",
        ),
        ({"routing": {"verify": SCOUT.name}}, "verify goes to llama4-scout"),
        ({"routing": {"tool_call": SCOUT.name}}, "not switches of the agent"),
        ({"paralel_reads": True}, "not switches of the agent"),
        (
            {**ENOUGH, "routing": {**ENOUGH["routing"], "apply_patch": SCOUT.name}},
            "without apply_patch routed",
        ),
    ],
)
def test_switches_names_the_mistake(run, switches, said):
    verdict = check_switches(run, switches, 7.5)
    assert not verdict.passed
    assert said in verdict.message


def test_switches_passes(run):
    verdict = check_switches(run, ENOUGH, 7.5)
    assert verdict.passed
    assert "7.467 s with 5 changes" in verdict.message


def unsafe(condition):
    return lambda run, steps: [step for step in steps if condition(run({step: SCOUT.name}))]


RIGHT = {
    check_unsafe_steps: unsafe(lambda end: end.accepted and not end.solved),
}
MISTAKES = {
    check_unsafe_steps: [
        (unsafe(lambda outcome: not outcome.tests_passed), "Look at `solved`"),
        (unsafe(lambda outcome: not outcome.solved), "gives up and hands nothing over"),
        (unsafe(lambda outcome: outcome.accepted), "the others end well"),
        (lambda run, steps: [], "you name no step"),
        (lambda run, steps: run("verify")[0], "raised"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
