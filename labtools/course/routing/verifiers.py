"""How often a model that checks a fix is right: assumed rates as data, and what follows from them.

A fix is "right", or wrong in an "obvious" or a "subtle" way. The tests run before the check and
take the obvious errors out, so what the check meets is right or subtly wrong. The rates in
`assumed_verifiers.json` are assumptions, not measurements of the models they stand under.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from labtools.course import FOLDER
from labtools.errors import ConfigurationError, one_of


@dataclass(frozen=True, slots=True)
class Verifier:
    """A model in the role of a checker. All rates are shares, 0 to 1."""

    catch_rates: Mapping[str, float]
    """From the kind of error to the share of such fixes that it rejects."""
    false_alarm_rate: float
    """The share of the right fixes that it rejects."""

    def __post_init__(self) -> None:
        for name, rate in {**self.catch_rates, "false alarms": self.false_alarm_rate}.items():
            if not 0 <= rate <= 1:
                raise ConfigurationError(f"The rate of {name} is {rate!r}. Allowed: 0 to 1.")

    def accepts(self, fix: str, draw: float) -> bool:
        """Whether it lets this fix pass, given a uniform draw from [0, 1).

        With the same draw, a verifier that catches more accepts no wrong fix that another
        rejects, so two of them can be compared on the same draws.
        """
        if fix != "right" and fix not in self.catch_rates:
            raise one_of("kind of fix", fix, ("right", *self.catch_rates))
        rejects = self.false_alarm_rate if fix == "right" else self.catch_rates[fix]
        return draw >= rejects


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What becomes of a task, as shares of all tasks, and how many passes it takes."""

    right: float
    """A right fix was delivered."""
    wrong: float
    """A wrong fix was delivered, and nobody was told."""
    handed_over: float
    """The last attempt was rejected: a person takes over."""
    passes: float
    """Mean attempts a task."""


def expected_outcomes(
    verifier: Verifier, wrong_fix_rate: float, attempts: int = 2, error: str = "subtle"
) -> Outcomes:
    """The outcomes in the long run, when a rejected fix is tried again, up to `attempts` times."""
    if attempts < 1:
        raise ConfigurationError(f"attempts must be at least 1; found {attempts!r}.")
    wrong = wrong_fix_rate * (1 - verifier.catch_rates[error])
    right = (1 - wrong_fix_rate) * (1 - verifier.false_alarm_rate)
    rejected = 1 - wrong - right
    passes = sum(rejected**attempt for attempt in range(attempts))
    return Outcomes(right * passes, wrong * passes, rejected**attempts, passes)


@dataclass(frozen=True, slots=True)
class AssumedVerifiers:
    """The course's assumptions."""

    wrong_fix_rate: float
    """The share of the fixes that pass the tests and are wrong all the same."""
    by_model: Mapping[str, Verifier]


@cache
def assumed_verifiers() -> AssumedVerifiers:
    """What `assumed_verifiers.json` says."""
    values = json.loads((FOLDER / "routing" / "assumed_verifiers.json").read_text())
    false_alarms = values["false_alarm_rate"]
    by_model = {
        model: Verifier(rates, false_alarms) for model, rates in values["catch_rates"].items()
    }
    return AssumedVerifiers(values["wrong_fix_rate"], by_model)
