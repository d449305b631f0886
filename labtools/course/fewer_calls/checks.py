"""The checks on calls left out: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from labtools.coding_agent import Switches, scenario_names
from labtools.course.audit import HARNESS, Changes, attempt
from labtools.course.ledger import Finding
from labtools.course.verdict import Verdict, answer_of, check, not_yet, right
from labtools.lab.trace import Trace
from labtools.model.named_profiles import FAST

ASSERTED = """\
..F                                                                      [100%]
=================================== FAILURES ===================================
_________________________ test_last_page_may_be_short __________________________
tests/test_pages.py:18: in test_last_page_may_be_short
    assert pages("abcdefg", 3) == ["abc", "def", "g"]
E   AssertionError: assert ['abc', 'def'] == ['abc', 'def', 'g']
E     
E     Right contains one more item: 'g'
E     Use -v to get more diff
=========================== short test summary info ============================
FAILED tests/test_pages.py::test_last_page_may_be_short - AssertionError: ass...
1 failed, 2 passed
"""  # noqa: W291 - as pytest prints it
RAISED = """\
.F                                                                       [100%]
=================================== FAILURES ===================================
__________________________________ test_year ___________________________________
tests/test_due_dates.py:16: in test_year
    assert due_dates(start, 4)[3] == date(2024, 4, 30)
           ^^^^^^^^^^^^^^^^^^^
billing/due_dates.py:16: in due_dates
    return [add_months(start, months) for months in range(count)]
billing/months.py:11: in add_months
    return start.replace(year=year, month=month)
E   ValueError: day is out of range for month
=========================== short test summary info ============================
FAILED tests/test_due_dates.py::test_year - ValueError: day is out of range f...
1 failed, 1 passed
"""


@check
def check_parser(parse: Callable[[str], Any]) -> Verdict:
    """`parse(report)` is the test's file, the file that raised, and the error in a line."""
    for report, test, raised_in, error in (
        (
            ASSERTED,
            "tests/test_pages.py",
            "tests/test_pages.py",
            "AssertionError: assert ['abc', 'def'] == ['abc', 'def', 'g']",
        ),
        (
            RAISED,
            "tests/test_due_dates.py",
            "billing/months.py",
            "ValueError: day is out of range for month",
        ),
    ):
        found = answer_of(parse, report)
        if not isinstance(found, list | tuple) or len(found) != 3:
            not_yet(f"parse returned {found!r}; return the test, the file that raised, the error.")
        found_test, found_raised, found_error = found
        if found_test != test:
            not_yet(f"you say that the test is in {found_test!r}; the first frame is in {test}.")
        if found_raised == test != raised_in:
            not_yet(
                f"you say that {test} raised. It is where the trace begins; the error was raised "
                f"in its last frame, in {raised_in}."
            )
        if found_raised != raised_in:
            not_yet(f"you say that {found_raised!r} raised; the last frame is in {raised_in}.")
        if found_error != error:
            wrong = f"you say that the error is {found_error!r}."
            if str(found_error).removeprefix("E").strip() == error:
                not_yet(f"{wrong} Leave out pytest's mark, the E and the blanks behind it.")
            if "-v" in str(found_error):
                not_yet(f"{wrong} That is the last line marked E; the error is the first.")
            not_yet(f"{wrong} It is {error!r}.")
    return right(
        "that is the whole of *Parse error*, and with the test's imports it is *Locate file* too: "
        "100 tokens and 0.80 s that no model spends."
    )


TOKENS: tuple[tuple[str, dict[str, int], dict[str, float]], ...] = (
    (
        "one line of 400 changed",
        {"whole file": 3722, "unified diff": 68, "search and replace": 23, "line numbers": 9},
        {"whole file": 0.0, "unified diff": 0.2, "search and replace": 0.05, "line numbers": 0.7},
    ),
    (
        "half of a short file changed",
        {"whole file": 240, "unified diff": 330, "search and replace": 300, "line numbers": 150},
        {"whole file": 0.0, "unified diff": 0.3, "search and replace": 0.1, "line numbers": 0.5},
    ),
    (
        "a model that cannot copy",
        {"whole file": 100, "unified diff": 60, "search and replace": 22, "line numbers": 20},
        {"whole file": 0.0, "unified diff": 0.7, "search and replace": 0.6, "line numbers": 0.75},
    ),
)
"""A case, its tokens by format, and how often an answer in each does not apply. Assumed."""


@check
def check_choice(choose: Callable[..., Any]) -> Verdict:
    """`choose(tokens, fails, ttft_s, tokens_per_s)` is the format with the least expected seconds.

    An answer that does not apply is asked for again, until one does.
    """
    ttft_s, rate = FAST.ttft_s(2000), FAST.decode_tokens_per_s
    for case, tokens, fails in TOKENS:

        def expected_s(name: str, tokens: Any = tokens, fails: Any = fails) -> float:
            return float((ttft_s + tokens[name] / rate) / (1 - fails[name]))

        best = min(tokens, key=expected_s)
        found = answer_of(choose, dict(tokens), dict(fails), ttft_s, rate)
        if found == best:
            continue
        if not isinstance(found, str) or found not in tokens:
            not_yet(f"choose returned {found!r}; return one of {', '.join(tokens)}.")
        said = (
            f"{case}: {found} takes {expected_s(found):.2f} s until it applies, "
            f"{best} {expected_s(best):.2f} s"
        )
        if found == min(tokens, key=lambda name: tokens[name]):
            not_yet(f"{said}. The fewest tokens are not the fewest seconds where answers fail.")
        if found == "whole file":
            not_yet(f"{said}. A file that always applies is still written to its end.")
        if found == min(tokens, key=lambda name: tokens[name] / (1 - fails[name])):
            not_yet(f"{said}. Each try pays the TTFT again, too.")
        not_yet(f"{said}.")
    return right(
        "an edit wins as long as it applies. It loses where half the file changes, and with a "
        "model that cannot copy."
    )


@check
def check_six_seconds(run: Callable[..., Trace], switches: Mapping[str, Any]) -> Verdict:
    """`run(scenario, **switches)` is at most 6 s for one attempt, and right in every scenario."""
    try:
        Switches(**switches)
    except (TypeError, ValueError) as error:
        not_yet(f"these are not switches of the agent: {error}")
    for scenario in scenario_names():
        outcome = run(scenario, **switches).result
        if outcome.solved:
            continue
        if outcome.accepted:
            not_yet(
                f"in {scenario} the agent hands over a wrong fix. The tests pass and nobody else "
                "looked. Seconds count only where the result is right."
            )
        not_yet(
            f"in {scenario} the agent gives up ({outcome.stopped}): the fault is in another file, "
            "and nobody was asked where."
        )
    took_s = run("one_shot", **switches).duration_s
    if took_s > 6:
        not_yet(f"every scenario is right, and one attempt takes {took_s:.2f} s. Write less.")
    return right(f"{took_s:.2f} s, and right in {len(scenario_names())} scenarios.")


# The claims, by their names in claims.toml.

LEFT_OUT = Changes(left_out=frozenset(HARNESS))


def eight_calls(*, calls: int) -> Finding:
    """The calls of one attempt as the essay lists them, and without those that code does."""
    every, fewer = attempt(), attempt(LEFT_OUT)
    values = {
        "fewer": fewer.calls,
        "every_s": every.total_s,
        "fewer_s": fewer.total_s,
        "no_verify_s": attempt(Changes(left_out=frozenset([*HARNESS, "Verify"]))).total_s,
    }
    return Finding(values, fewer.calls == calls, every.calls == calls)


def useful_result() -> Finding:
    """How long until the first words that a user can use, and until the end."""
    every, fewer = attempt(), attempt(LEFT_OUT)
    assert every.first_words_s is not None
    assert fewer.first_words_s is not None
    values = {
        "words_s": every.first_words_s,
        "total_s": every.total_s,
        "fewer_words_s": fewer.first_words_s,
    }
    return Finding(values, every.first_words_s >= every.total_s, holds_if=True)
