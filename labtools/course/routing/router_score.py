"""What a router's decisions are worth on labelled steps, in seconds and dollars.

A step that goes to the small model and is too hard for it has to be done again: its price is the
redo. A step that goes to the big model without need costs the difference between the two. Both
are long-run means of the latency model; nothing is run here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from labtools.coding_agent.essay import pass_from
from labtools.course import data
from labtools.course.audit import PLAN, Attempt, attempt
from labtools.errors import NothingMeasured, require, require_one_of
from labtools.model.profile import LatencyProfile


@dataclass(frozen=True, slots=True)
class StepRequest:
    """What a router may look at: all that is known before the call is sent."""

    type: str
    text: str
    input_tokens: int


@dataclass(frozen=True, slots=True)
class LabelledStep:
    """A step with its label, and the length of the answer, which nobody knows beforehand."""

    id: str
    request: StepRequest
    output_tokens: int
    small_suffices: bool
    why: str
    held_out: bool
    """Kept for judging a router; the others are for making it."""


@cache
def labelled_steps() -> tuple[LabelledStep, ...]:
    """The course's set, in the order of its file.

    It was made up for this course and labelled by its author under the rule that the file states;
    no model was run. It shows how to measure a boundary, not where yours is.
    """
    return tuple(
        LabelledStep(
            row["id"],
            StepRequest(row["type"], row["request"], row["input_tokens"]),
            *(row[name] for name in ("output_tokens", "small_suffices", "why", "held_out")),
        )
        for row in data("routing/labelled_steps.json")["steps"]
    )


Route = Callable[[StepRequest], str]
"""A router of two models: from a request to "small" or "big"."""

CHOICES = ("small", "big")


@dataclass(frozen=True, slots=True)
class Confusion:
    """Where steps were sent, against where they had to go. Counts."""

    rightly_small: int = 0
    wrongly_small: int = 0
    """Sent to a model that does not suffice: the error that may go unnoticed."""
    wrongly_big: int = 0
    """Sent to the big model without need: the error that costs time and money."""
    rightly_big: int = 0

    @property
    def steps(self) -> int:
        return self.rightly_small + self.wrongly_small + self.wrongly_big + self.rightly_big

    @property
    def accuracy(self) -> float:
        """The share of right decisions. Both errors count the same here, which they never do."""
        return (self.rightly_small + self.rightly_big) / self.steps


SECOND_PASS = attempt(steps=pass_from(PLAN))
"""A failure found late: the essay's task once more from planning, on the big model."""


@dataclass(frozen=True, slots=True)
class RouterScore:
    """A router on a set of steps: means a step."""

    confusion: Confusion
    call_s: float
    redo_s: float
    call_usd: float
    redo_usd: float

    @property
    def total_s(self) -> float:
        """Seconds a step, redone steps included."""
        return self.call_s + self.redo_s

    @property
    def total_usd(self) -> float:
        """Dollars a step, redone steps included."""
        return self.call_usd + self.redo_usd


def score(
    route: Route,
    steps: Iterable[LabelledStep],
    small: LatencyProfile,
    big: LatencyProfile,
    redo: Attempt,
) -> RouterScore:
    """Send each step where `route` says and add up what that costs.

    `redo` is what it takes to do a failed step again, and whatever was built on it.
    Raises NothingMeasured without steps, ConfigurationError for an answer but "small" or "big".
    """
    counts = {(choice, suffices): 0 for choice in CHOICES for suffices in (True, False)}
    call_s = call_usd = 0.0
    for step in steps:
        choice = route(step.request)
        require_one_of("choice of the router", choice, CHOICES)
        counts[choice, step.small_suffices] += 1
        model = small if choice == "small" else big
        call_s += model.e2e_latency_s(step.output_tokens, step.request.input_tokens)
        call_usd += model.prices.cost_usd(step.request.input_tokens, 0, step.output_tokens)
    total = sum(counts.values())
    if not total:
        raise NothingMeasured("A router's score on no steps. Pass at least one labelled step.")
    confusion = Confusion(
        counts["small", True], counts["small", False], counts["big", True], counts["big", False]
    )
    failed = confusion.wrongly_small / total
    return RouterScore(
        confusion, call_s / total, failed * redo.total_s, call_usd / total, failed * redo.usd
    )


def always(choice: str) -> Route:
    """The router that does not look."""
    return lambda request: choice


def by_length(limit_tokens: int) -> Route:
    """Prompts of up to this many tokens to the small model."""
    return lambda request: "small" if request.input_tokens <= limit_tokens else "big"


def by_type(small_types: Iterable[str]) -> Route:
    """Steps of these types to the small model: the essay's kind of router."""
    types = frozenset(small_types)
    return lambda request: "small" if request.type in types else "big"


def best_length(
    steps: Iterable[LabelledStep], small: LatencyProfile, big: LatencyProfile, redo: Attempt
) -> int:
    """The limit for `by_length` with the fewest seconds a step on these steps; 0 sends none."""
    steps = list(steps)
    limits = sorted({0, *(step.request.input_tokens for step in steps)})
    return min(limits, key=lambda limit: score(by_length(limit), steps, small, big, redo).total_s)


def clean_steps_needed(failure_rate: float, confidence: float = 0.95) -> int:
    """Steps in a row without a failure before you may say that fewer than this share fail.

    The smallest n with (1 - failure_rate)**n <= 1 - confidence: 3 / failure_rate, about.
    """
    for name, value in (("failure_rate", failure_rate), ("confidence", confidence)):
        require(name, value, above=0, below=1)
    return math.ceil(math.log(1 - confidence) / math.log(1 - failure_rate))
