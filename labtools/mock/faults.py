"""What goes wrong at the endpoint: by script ("the third call fails") or by chance.

A script counts the requests as they come, from 1. Chance is drawn for each request from the
endpoint's seed and the request itself, so that the same run meets the same faults.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from labtools.errors import ConfigurationError, require, require_one_of
from labtools.wire.api_error import ApiError

KINDS = {
    "429": "rate limit reached, with `retry-after`",
    "500": "internal error, before anything was sent",
    "503": "overloaded, before anything was sent",
    "slow_first_byte": "the first token comes `seconds` later",
    "stall": "the stream pauses for `seconds` half-way",
    "cut": "the connection is cut half-way through the answer",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `seconds` is for the kinds that wait."""

    kind: str
    seconds: float = 10.0

    def __post_init__(self) -> None:
        require_one_of("fault", self.kind, KINDS)
        require("A fault's seconds", self.seconds, at_least=0)

    def refusal(self) -> ApiError | None:
        """The error that is sent instead of an answer, for the kinds that refuse."""
        if self.kind == "429":
            return ApiError(
                429,
                f"Rate limit reached. Try again in {self.seconds:g} s.",
                code="rate_limit_exceeded",
                headers={"retry-after": f"{self.seconds:g}"},
            )
        if self.kind == "500":
            return ApiError(500, "The server had an error while processing your request.")
        if self.kind == "503":
            return ApiError(503, "The engine is currently overloaded, please try again later.")
        return None


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Which requests fail, and how.

    `script` maps a request's number (the first is 1) to its fault; `chances` gives each fault
    its probability for every other request. Probabilities add up to at most 1.
    """

    script: Mapping[int, Fault] = field(default_factory=dict)
    chances: Mapping[Fault, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in self.script:
            require("A request's number in the script", number, at_least=1, whole=True)
        for fault in (*self.script.values(), *self.chances):
            if not isinstance(fault, Fault):
                raise ConfigurationError(
                    f"A plan is made of faults; found {fault!r}. Write Fault('500'), for example."
                )
        for fault, chance in self.chances.items():
            require(f"The chance of {fault.kind}", chance, at_least=0, at_most=1)
        require("The sum of all chances", round(sum(self.chances.values()), 9), at_most=1)

    def fault_for(self, number: int, rng: random.Random) -> Fault | None:
        """The fault of the `number`-th request, if it has one. Always takes one draw."""
        draw = rng.random()
        if number in self.script:
            return self.script[number]
        for fault, chance in self.chances.items():
            if draw < chance:
                return fault
            draw -= chance
        return None
