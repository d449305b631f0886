"""Every error that labtools raises on purpose.

    LabtoolsError
    ├── ConfigurationError (ValueError)   an argument or setting that cannot work
    │   ├── UnusableSchema                a JSON schema that is invalid or has no value
    │   └── KeyRefused                    the endpoint does not take the key
    ├── ClockError (RuntimeError)         the clock is used in a way it cannot serve
    │   └── Deadlock                      nothing is ready, no timer is set: it would wait for ever
    ├── EndpointUnreachable               nobody answers at the address
    ├── EndpointUnusable                  it answers, and nothing can be measured
    ├── BudgetExceeded                    the run stopped at the limit it was given
    └── NothingMeasured (ValueError)      a statistic of no values

A message says what was wrong, what was found, what is allowed and what to do next.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from numbers import Integral, Real
from typing import cast


class LabtoolsError(Exception):
    """Base of every error in this package."""


class ConfigurationError(LabtoolsError, ValueError):
    """An argument, a setting or a file that cannot work as given."""


class UnusableSchema(ConfigurationError):
    """A JSON schema that is invalid, unsatisfiable, or too large to answer."""


class KeyRefused(ConfigurationError):
    """An endpoint that does not take the key. `which_key` says which it is and what to do next."""

    def __init__(self, address: str, which_key: str) -> None:
        super().__init__(f"{address} refused {which_key}")
        self.address = address


class ClockError(LabtoolsError, RuntimeError):
    """The lab's clock is used from the wrong place or at the wrong time."""


class Deadlock(ClockError):
    """On the simulated clock: nothing is ready to run and no timer is set."""


class EndpointUnreachable(LabtoolsError):
    """No server answers at the endpoint's address."""


class EndpointUnusable(LabtoolsError):
    """The endpoint answers, but not in a way that can be measured."""


class BudgetExceeded(LabtoolsError):
    """The next request would pass the budget of this lab."""


class NothingMeasured(LabtoolsError, ValueError):
    """A statistic was asked of no values at all."""


def one_of(what: str, found: object, allowed: Iterable[str]) -> ConfigurationError:
    """The error for a name that is not among the allowed ones."""
    return ConfigurationError(f"Unknown {what}: {found!r}. Allowed: {', '.join(sorted(allowed))}.")


def require_one_of(what: str, found: object, allowed: Collection[str]) -> None:
    """Raises ConfigurationError for a name that is not among the allowed ones."""
    if found not in allowed:
        raise one_of(what, found, allowed)


def require(
    name: str,
    value: object,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    whole: bool = False,
    finite: bool = True,
    optional: bool = False,
    hint: str = "",
) -> None:
    """Raises ConfigurationError for what is not such a number; `optional` is one that may be None.

    `hint` says what to do next.
    """
    if value is None and optional:
        return
    number = cast(float, value)  # a numpy number is one too
    if (
        isinstance(value, Integral if whole else Real)
        and not isinstance(value, bool)
        and (at_least is None or number >= at_least)
        and (above is None or number > above)
        and (at_most is None or number <= at_most)
        and (below is None or number < below)
        and not math.isnan(number)
        and not (finite and math.isinf(number))
    ):
        return
    noun = "a whole number" if whole else "a finite number" if finite else "a number"
    limits = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    bounds = "".join(f", {words} {limit:,}" for words, limit in limits.items() if limit is not None)
    if at_least is not None and at_most is not None:
        bounds = f" from {at_least:,} to {at_most:,}"
    if above is not None and below is not None:
        bounds = f" between {above:,} and {below:,}"
    allowed = f"{noun}{bounds}{', or None' if optional else ''}"
    raise ConfigurationError(f"{name} is {value!r}. Allowed: {allowed}. {hint}".rstrip())
