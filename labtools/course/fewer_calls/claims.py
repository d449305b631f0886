"""Claims about how many calls the task takes, and when its user sees something."""

from __future__ import annotations

from labtools.course.fewer_calls.strip import HARNESS, Cuts, attempt
from labtools.course.ledger import Finding

LEFT_OUT = Cuts(left_out=frozenset(HARNESS))


def eight_calls(*, calls: int) -> Finding:
    """The calls of one attempt as the essay lists them, and without those that code does."""
    every, fewer = attempt(), attempt(LEFT_OUT)
    values = {
        "fewer": fewer.calls,
        "every_s": every.total_s,
        "fewer_s": fewer.total_s,
        "no_verify_s": attempt(Cuts(left_out=frozenset([*HARNESS, "Verify"]))).total_s,
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
