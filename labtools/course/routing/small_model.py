"""What a small real model said in an agent's place: the results of benchmarks/small_model.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import BaseModel, ValidationError

from labtools.course.verifiers import Verifier
from labtools.errors import ConfigurationError, NothingMeasured

MEASURED = Path(__file__).with_name("small_model.json")
ORDERS = (("yes", "no"), ("no", "yes"))
"""In which the question offers its two answers."""
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Counted:
    """So many of so many, with Wilson's 95% interval for the share."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """Raises NothingMeasured for none of none."""
        if not self.of:
            raise NothingMeasured("There is no share of nothing: no answer was counted.")
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies, with 95% confidence."""
        middle = (self.share + _Z**2 / (2 * self.of)) / (1 + _Z**2 / self.of)
        spread = self.share * (1 - self.share) / self.of + (_Z / (2 * self.of)) ** 2
        reach = _Z * math.sqrt(spread) / (1 + _Z**2 / self.of)
        return max(0.0, middle - reach), min(1.0, middle + reach)


class Judgement(BaseModel):
    """A fix, whether it is right, and whether the model said so."""

    task: str
    right: bool
    order: tuple[str, str]
    says: str
    shares: dict[str, float]
    """The probability of either word as the answer's first, before the grammar."""
    seconds: float


class Located(BaseModel):
    """A choice among paths, and whether it was the right one."""

    task: str
    says: str
    listed: list[str]
    right: bool
    seconds: float


class Edited(BaseModel):
    """An edit asked for as JSON, with a schema or without."""

    task: str
    schema_given: bool
    says: str
    alone: bool
    """Whether the answer is the object and nothing before it."""
    valid: bool
    """Whether an object with both keys is anywhere in it."""
    right: bool
    seconds: float


class AgentRun(BaseModel):
    """How far the coding agent came in a scenario, and what stopped it."""

    scenario: str
    stopped: str
    reason: str
    calls: int
    steps: list[str]
    solved: bool
    seconds: float


class SmallModelResults(BaseModel):
    """All that was asked of the model."""

    model: str
    engine: str
    machine: str
    date: str
    verify: list[Judgement]
    locate: list[Located] = []
    edit: list[Edited] = []
    agent: list[AgentRun] = []

    def said_yes(self, right: bool, order: tuple[str, str] | None = None) -> Counted:
        """Of the right fixes, or of the wrong ones: how many it let pass."""
        asked = [j for j in self.verify if j.right is right and order in (None, j.order)]
        return Counted(sum(j.says == "yes" for j in asked), len(asked))

    def verdicts(self, order: tuple[str, str] | None = None) -> Counted:
        """How many of its verdicts were right."""
        asked = [j for j in self.verify if order in (None, j.order)]
        return Counted(sum((j.says == "yes") is j.right for j in asked), len(asked))

    def verifier(self, order: tuple[str, str]) -> Verifier:
        """The model as a verifier, with the rates that were measured."""
        caught = 1 - self.said_yes(False, order).share
        return Verifier({"subtle": caught}, 1 - self.said_yes(True, order).share)

    def tells_apart(self) -> float:
        """How often a right fix gets a higher probability of yes than a wrong one; a guess: 0.5.

        Both orders count, each against its own. The words' probabilities are compared as shares
        of the two.
        """
        won, pairs = 0.0, 0
        for order in ORDERS:
            leaning = {
                right: [_yes(j) for j in self.verify if j.right is right and j.order == order]
                for right in (True, False)
            }
            for high in leaning[True]:
                won += sum(0.5 if high == low else high > low for low in leaning[False])
            pairs += len(leaning[True]) * len(leaning[False])
        return won / pairs

    def changed_its_mind(self) -> Counted:
        """Fixes for which the order of the two words in the question changed the verdict."""
        first, second = ([j.says for j in self.verify if j.order == order] for order in ORDERS)
        pairs = list(zip(first, second, strict=False))
        return Counted(sum(a != b for a, b in pairs), len(pairs))

    @property
    def verify_s(self) -> float:
        """The median time of a verdict whose prompt was not cached: the first of the two orders."""
        return median(j.seconds for j in self.verify if j.order == ORDERS[0])


def _yes(judgement: Judgement) -> float:
    yes, no = judgement.shares["yes"], judgement.shares["no"]
    return yes / (yes + no) if yes + no else 0.5


def small_model_results(path: Path = MEASURED) -> SmallModelResults:
    """The results in a file. Raises ConfigurationError that names it."""
    try:
        return SmallModelResults.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} holds no results of benchmarks/small_model.py: {error}"
        ) from None
