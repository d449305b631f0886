"""What a check says of an exercise: right, or not yet and why.

A check is a function under `@check`. It returns `right(...)`, and `not_yet(...)` ends it wherever
it is called, so a check reads as the mistakes that it knows, in their order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, ParamSpec

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check's result; a notebook shows its words."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right' if self.passed else 'Not yet'}: {self.message}"


class _NotYet(Exception):
    """The words that end a check."""


def check(function: Callable[P, Verdict]) -> Callable[P, Verdict]:
    """A check: its verdict, also where it ended with `not_yet`."""

    @functools.wraps(function)
    def checked(*arguments: P.args, **named: P.kwargs) -> Verdict:
        try:
            return function(*arguments, **named)
        except _NotYet as found:
            return Verdict(False, str(found))

    return checked


def right(message: str) -> Verdict:
    """The answer holds; `message` says what follows from it."""
    return Verdict(True, message)


def not_yet(message: str) -> NoReturn:
    """The answer does not hold; `message` names the likely mistake, and the check ends."""
    raise _NotYet(message)


def answer_of(function: Callable[..., Any], *arguments: Any, name: str = "", hint: str = "") -> Any:
    """What the reader's function returns; if it raises, the check ends with what it raised."""
    try:
        return function(*arguments)
    except Exception as error:  # whatever it is, the reader should see it in words
        not_yet(f"{name or _name(function)} raised {type(error).__name__}: {error}{hint}")


def list_from(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What the reader's function returns, as a list; the check ends if it raises or is none."""
    return list(answer_of(lambda: list(function(*arguments)), name=_name(function)))


def number_from(function: Callable[..., Any], *arguments: Any) -> float:
    """What the reader's function returns; the check ends if that is not a number."""
    value = answer_of(function, *arguments)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        not_yet(f"{_name(function)} returned {value!r}; it should return a number.")
    return float(value)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "your function")


def close(found: float, expected: float) -> bool:
    """Equal to within one part in a thousand, which covers any rounding on the way."""
    return math.isclose(found, expected, rel_tol=1e-3, abs_tol=1e-9)


def expect(
    found: float, truth: float, case: str, *mistakes: tuple[float, str], otherwise: str = "."
) -> None:
    """The check ends unless `found` is the truth: with the case, and the first mistake that fits.

    A mistake is the number that it gives and the words for it.
    """
    if not close(found, truth):
        words = (words for value, words in mistakes if close(found, value))
        not_yet(case + next(words, otherwise))
