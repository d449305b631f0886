"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from check_cases import mistakes_are_named, right_answers_pass

from labtools import Trace, connect
from labtools.coding_agent import Switches, play
from labtools.course.fewer_calls import IN_CODE, MAVERICK, check


def parse(report: str) -> tuple[str, str, str]:
    frames = re.findall(r"^(\S+\.py):\d+: in ", report, re.MULTILINE)
    error = re.search(r"^E +(.+)$", report, re.MULTILINE)
    assert error
    return frames[0], frames[-1], error[1]


def but(place: int, change: Callable[[str, str], Any]) -> Callable[[str], Any]:
    """The right answer with one part of it changed."""

    def answer(report: str) -> Any:
        parts: list[Any] = list(parse(report))
        parts[place] = change(report, parts[place])
        return tuple(parts)

    return answer


def last_error(report: str, error: str) -> str:
    return [line for line in report.splitlines() if line.startswith("E")][-1]


def choose(tokens: Any, fails: Any, ttft_s: float, rate: float) -> str:
    return str(min(tokens, key=lambda name: (ttft_s + tokens[name] / rate) / (1 - fails[name])))


def test_choice_passes_and_no_format_wins_everywhere() -> None:
    assert check.check_choice(choose).passed
    best = {choose(tokens, fails, 0.2, 200) for _, tokens, fails in check.TOKENS}
    assert best == {"search and replace", "whole file"}


TESTED: dict[Any, Any] = {}


def run(scenario: str, **switches: Any) -> Trace:
    with connect("sim", profile=MAVERICK) as lab:
        return play(lab, scenario, switches=Switches(**switches), tested=TESTED)


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"telepathy": True}, "not switches of the agent"),
        ({"harness": IN_CODE, "tests_decide": True}, "hands over a wrong fix"),
        ({"harness": IN_CODE}, "7.05 s. Write less"),
    ],
)
def test_six_seconds_names_the_mistake(switches: dict[str, Any], said: str) -> None:
    verdict = check.check_six_seconds(run, switches)
    assert not verdict.passed
    assert said in verdict.message


def test_six_seconds_says_who_gives_up() -> None:
    def gives_up(scenario: str, **switches: Any) -> Trace:
        return run("wrong_location", harness=IN_CODE, tests_decide=True)

    assert "gives up (iterations)" in check.check_six_seconds(gives_up, {}).message


def test_six_seconds_passes() -> None:
    assert check.check_six_seconds(run, {"harness": IN_CODE, "edits": True}).passed
    fewest = {"harness": ("parse_error", "locate_file"), "edits": True}
    assert check.check_six_seconds(run, fewest).message.startswith("5.95 s")


RIGHT = {
    check.check_parser: parse,
}
MISTAKES = {
    check.check_parser: [
        (lambda report: None, "return the test, the file that raised, the error"),
        (lambda report: 1 / 0, "ZeroDivisionError"),
        (but(0, lambda report, test: "billing/months.py"), "the first frame is in"),
        (but(1, lambda report, file: parse(report)[0]), "It is where the trace begins"),
        (but(1, lambda report, file: "billing/due_dates.py"), "the last frame is in"),
        (but(2, lambda report, error: f"E   {error}"), "Leave out pytest's mark"),
        (but(2, last_error), "the error is the first"),
        (but(2, lambda report, error: error[:10]), 'It is "AssertionError'),
    ],
    check.check_choice: [
        (lambda *_: "carrier pigeon", "return one of whole file"),
        (lambda tokens, *_: min(tokens, key=tokens.get), "fewest tokens are not the fewest"),
        (lambda *_: "whole file", "still written to its end"),
        (
            lambda tokens, fails, *_: min(tokens, key=lambda n: tokens[n] / (1 - fails[n])),
            "pays the TTFT again",
        ),
        (lambda *_: "unified diff", "until it applies"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
