"""What a check says: right, or not yet and why."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check's result; a notebook shows its words."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right' if self.passed else 'Not yet'}: {self.message}"


def right(message: str) -> Verdict:
    """The answer holds; `message` says what follows from it."""
    return Verdict(True, message)


def not_yet(message: str) -> Verdict:
    """The answer does not hold; `message` names the likely mistake."""
    return Verdict(False, message)


def number_from(function: Callable[..., Any], *arguments: Any) -> float | Verdict:
    """What the reader's function returns, or what to tell them if that is not a number."""
    name = getattr(function, "__name__", "your function")
    try:
        value = function(*arguments)
    except Exception as error:  # whatever it is, the reader should see it in words
        return not_yet(f"{name} raised {type(error).__name__}: {error}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return not_yet(f"{name} returned {value!r}; it should return a number.")
    return float(value)


def close(one: float, other: float) -> bool:
    """Equal to within one part in a thousand, which covers any rounding on the way."""
    return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-9)
