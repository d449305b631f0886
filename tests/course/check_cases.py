"""What each chapter's checks have to do: pass the right answer, and name each mistake they know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from labtools.course.verdict import Verdict

Check = Callable[[Any], Verdict]


def right_answers_pass(right: Mapping[Check, Any]) -> Callable[..., None]:
    """A test of each check with an answer that passes."""

    @pytest.mark.parametrize(("checks", "answer"), right.items())
    def test(checks, answer):
        assert checks(answer).passed

    return test


def mistakes_are_named(
    mistakes: Mapping[Check, Iterable[tuple[Any, str | re.Pattern[str]]]],
) -> Callable[..., None]:
    """A test of each check with answers that it refuses, and what it says of them."""
    rows = [(checks, *case) for checks, cases in mistakes.items() for case in cases]

    @pytest.mark.parametrize(("checks", "answer", "said"), rows)
    def test(checks, answer, said):
        verdict = checks(answer)
        assert not verdict.passed
        text = re.escape(said) if isinstance(said, str) else said
        assert re.search(text, verdict.message), verdict

    return test
