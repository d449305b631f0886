"""What a check catches, and what checking and repeating buy: a step, and a chain of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from labtools.course import data
from labtools.errors import require, require_one_of
from labtools.read_back import read_back


@dataclass(frozen=True, slots=True)
class Verifier:
    """A model in the role of a checker. All rates are shares, 0 to 1."""

    catch_rates: Mapping[str, float]
    """From the kind of error to the share of such fixes that it rejects."""
    false_alarm_rate: float
    """The share of the right fixes that it rejects."""

    def __post_init__(self) -> None:
        for name, rate in {**self.catch_rates, "false alarms": self.false_alarm_rate}.items():
            require(f"The rate of {name}", rate, at_least=0, at_most=1)

    @property
    def catch_rate(self) -> float:
        """Of the errors that the tests let through, which are the subtle ones."""
        return self.catch_rates["subtle"]

    def accepts(self, fix: str, draw: float) -> bool:
        """Whether it lets this fix pass, given a uniform draw from [0, 1).

        With the same draw, a verifier that catches more accepts no wrong fix that another
        rejects, so two of them can be compared on the same draws.
        """
        require_one_of("kind of fix", fix, ("right", *self.catch_rates))
        rejects = self.false_alarm_rate if fix == "right" else self.catch_rates[fix]
        return draw >= rejects


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What becomes of a step, a task or a chain of steps, as shares of all of them."""

    right: float
    wrong: float
    """It was accepted and is wrong, and nobody was told."""
    handed_over: float
    """Something was rejected as often as it may be tried: a person takes over."""
    attempts: float
    """Mean steps tried, repetitions included. Each is followed by one check, if there is one."""


def step_outcomes(right_rate: float, check: Verifier, attempts: int = 1) -> Outcomes:
    """One step, tried up to `attempts` times until the check accepts it."""
    require("right_rate", right_rate, at_least=0, at_most=1)
    require("attempts", attempts, at_least=1, whole=True)
    wrong = (1 - right_rate) * (1 - check.catch_rate)
    right = right_rate * (1 - check.false_alarm_rate)
    rejected = 1 - wrong - right
    tried = sum(rejected**before for before in range(attempts))
    return Outcomes(right * tried, wrong * tried, rejected**attempts, tried)


@dataclass(frozen=True, slots=True)
class AssumedVerifiers:
    """The course's assumptions. None was measured on a model of that name."""

    wrong_fix_rate: float
    """The share of the fixes that pass the tests and are wrong all the same."""
    by_model: Mapping[str, Verifier]

    def outcomes(self, verifier: Verifier) -> Outcomes:
        """Of a task whose fix it judges, and a second one where it rejects the first."""
        return step_outcomes(1 - self.wrong_fix_rate, verifier, 2)


@cache
def assumed_verifiers() -> AssumedVerifiers:
    """What `assumed_verifiers.json` says."""
    name = "routing/assumed_verifiers.json"
    return read_back(AssumedVerifiers, data(name), name)


def checker(catch_rate: float, false_alarm_rate: float = 0.0) -> Verifier:
    """A check that rejects these shares of the wrong and of the right steps.

    1 - catch_rate is its rate of false positives: wrong steps that it lets pass.
    """
    return Verifier({"subtle": catch_rate}, false_alarm_rate)


NO_CHECK = checker(0.0)
"""Accepts whatever it is shown."""


def both_accept(first: Verifier, second: Verifier) -> Verifier:
    """Two checks as one: a step passes if both accept it. They err independently."""

    def either(one: float, other: float) -> float:
        return one + other - one * other

    catch_rate = either(first.catch_rate, second.catch_rate)
    return checker(catch_rate, either(first.false_alarm_rate, second.false_alarm_rate))


def chain_outcomes(
    right_rate: float, steps: int, check: Verifier = NO_CHECK, attempts: int = 1
) -> Outcomes:
    """The outcomes of `steps` in a row, each right with `right_rate` and tried `attempts` times.

    A chain goes on past a wrong step that was accepted, and stops at one that was given up.
    """
    require("steps", steps, at_least=1, whole=True)
    step = step_outcomes(right_rate, check, attempts)
    passes = step.right + step.wrong
    right, ended = step.right**steps, passes**steps
    reached = math.fsum(passes**before for before in range(steps))
    return Outcomes(right, ended - right, 1 - ended, step.attempts * reached)


def cap(right_rate: float, check: Verifier) -> float:
    """The share of accepted steps that are right: what no number of attempts can pass.

    p (1 - a) / (p (1 - a) + (1 - p)(1 - c)), with c the catch rate and a the false alarms. 1 for
    a check that catches everything, 0 for a step that is never right.
    """
    once = step_outcomes(right_rate, check)
    accepted = once.right + once.wrong
    return once.right / accepted if once.right else 0.0


def chance_within(tries: int, right_rate: float, steps: int, check: Verifier = NO_CHECK) -> float:
    """The chance that a chain of `steps` ends right when it may try `tries` steps in all.

    Rejected steps are repeated as long as tries are left: of `tries` draws, at least `steps`
    must be accepted, and those must be right. 0 if there are fewer tries than steps.
    """
    require("steps", steps, at_least=1, whole=True)
    once = step_outcomes(right_rate, check)
    accepted = once.right + once.wrong
    enough = math.fsum(
        math.comb(tries, k) * accepted**k * (1 - accepted) ** (tries - k)
        for k in range(steps, tries + 1)
    )
    return min(1.0, enough) * cap(right_rate, check) ** steps


def tries_that_fit(budget_s: float, try_s: float) -> int:
    """How many tries of `try_s` seconds end within the budget, one after another."""
    require("budget_s", budget_s, at_least=0)
    require("try_s", try_s, above=0)
    return math.floor(budget_s / try_s + 1e-9)


def longest_chain(
    tries: int, right_rate: float, check: Verifier = NO_CHECK, success: float = 0.5
) -> int:
    """The most steps that a chain may have and still end right in this share of runs; or 0."""
    fitting = range(1, tries + 1)
    return max(
        (n for n in fitting if chance_within(tries, right_rate, n, check) >= success), default=0
    )
