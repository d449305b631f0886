"""Which model a step goes to: a table by step type, and a cascade that asks the small one first."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from labtools.errors import ConfigurationError, require

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Router:
    """A model for each type of step, and one for every other type."""

    default: str
    routes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step_type, model in {**self.routes, "default": self.default}.items():
            if not isinstance(model, str) or not model:
                raise ConfigurationError(
                    f"The route of {step_type!r} must be the name of a model; found {model!r}."
                )

    def model_for(self, step_type: str) -> str:
        return self.routes.get(step_type, self.default)


@dataclass(frozen=True, slots=True)
class Cascaded(Generic[A]):
    """What a cascade came to: the models it asked, in order, and what each answered."""

    models: tuple[str, ...]
    answers: tuple[A, ...]

    @property
    def answer(self) -> A:
        """The answer that was kept: the last one."""
        return self.answers[-1]

    @property
    def model(self) -> str:
        return self.models[-1]

    @property
    def escalated(self) -> bool:
        """Whether the first model's answer was not enough."""
        return len(self.answers) > 1


async def cascade(
    models: Sequence[str],
    ask: Callable[[str], Awaitable[A]],
    accept: Callable[[A], bool | Awaitable[bool]],
) -> Cascaded[A]:
    """Ask the models in turn, smallest first, until `accept` takes an answer.

    The last model's answer is kept unchecked: there is nobody left to ask. Every escalation waits
    for all the answers and checks before it. `ask` gets a model's name and `accept` an answer;
    `accept` may itself call a model. What either raises is raised.
    """
    if not models:
        raise ConfigurationError("A cascade needs at least one model; found none.")
    answers: list[A] = []
    for model in models:
        answers.append(await ask(model))
        if len(answers) == len(models):
            break
        verdict = accept(answers[-1])
        if await verdict if inspect.isawaitable(verdict) else verdict:
            break
    return Cascaded(tuple(models[: len(answers)]), tuple(answers))


def cascade_s(small_s: float, check_s: float, big_s: float, escalation_rate: float) -> float:
    """The mean latency of a cascade of two: the big model's time is added, never swapped in.

    small_s + check_s + escalation_rate * big_s, in seconds; the rate is a share, 0 to 1.
    """
    require("escalation_rate", escalation_rate, at_least=0, at_most=1)
    return small_s + check_s + escalation_rate * big_s


def break_even_escalation(small_s: float, check_s: float, big_s: float) -> float:
    """The escalation rate above which a cascade is slower than asking the big model at once.

    1 - (small_s + check_s) / big_s, and 0 when the small model and the check already take longer.
    """
    require("small_s", small_s, at_least=0)
    require("check_s", check_s, at_least=0)
    require("big_s", big_s, above=0)
    return max(0.0, 1 - (small_s + check_s) / big_s)
