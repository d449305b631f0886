"""What a small real model was asked in an agent's place, and what it said.

`fixes.toml` holds small functions, each with right fixes and with wrong ones that pass a test. A
right fix passes the hidden tests as well; a wrong one passes the tests that an agent sees and fails
a hidden one. A test of the course runs them all. `small_model.json` is the output of
benchmarks/small_model.py, which has the model judge them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from labtools.course import data
from labtools.course.verifiers import Verifier
from labtools.errors import NothingMeasured
from labtools.model.metrics import share_interval


class Task(BaseModel):
    """A broken function, the tests, and fixes of both kinds."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: str
    file: str
    asked: str
    """What the function should do."""
    broken: str
    visible: str
    hidden: str
    right: list[str]
    wrong: list[str]


@dataclass(frozen=True, slots=True)
class Fix:
    """One proposed fix of a task, and whether it is right."""

    task: Task
    code: str
    right: bool

    @property
    def diff(self) -> str:
        before, after = (text.strip().splitlines() for text in (self.task.broken, self.code))
        lines = list(difflib.unified_diff(before, after, lineterm="", n=3))
        return "\n".join([f"--- {self.task.file}", *lines[3:]])


@cache
def fix_tasks() -> tuple[Task, ...]:
    """The tasks in their order."""
    return tuple(map(Task.model_validate, data("routing/fixes.toml")["task"]))


def fixes() -> tuple[Fix, ...]:
    """Every fix of every task, right and wrong in turn."""
    return tuple(
        Fix(task, code, right)
        for task in fix_tasks()
        for pair in zip(task.right, task.wrong, strict=True)
        for code, right in zip(pair, (True, False), strict=True)
    )


ORDERS = (("yes", "no"), ("no", "yes"))
"""In which the question offers its two answers."""


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
        return share_interval(self.share, self.of)


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

    says: str
    listed: list[str]
    right: bool


class Edited(BaseModel):
    """An edit asked for as JSON, with a schema or without."""

    schema_given: bool
    valid: bool
    """Whether an object with both keys is anywhere in it."""
    right: bool
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
    agent: list[dict[str, Any]] = []
    """How far the coding agent came in each scenario, and what stopped it."""

    def said_yes(self, right: bool, order: tuple[str, str] | None = None) -> Counted:
        """Of the right fixes, or of the wrong ones: how many it let pass."""
        asked = [j for j in self.verify if j.right is right and order in (None, j.order)]
        return Counted(sum(j.says == "yes" for j in asked), len(asked))

    def verdicts(self, order: tuple[str, str] | None = None) -> Counted:
        asked = [j for j in self.verify if order in (None, j.order)]
        return Counted(sum((j.says == "yes") is j.right for j in asked), len(asked))

    def verifier(self, order: tuple[str, str]) -> Verifier:
        """The model as a verifier, with the rates that were measured."""
        caught = 1 - self.said_yes(False, order).share
        return Verifier({"subtle": caught}, 1 - self.said_yes(True, order).share)

    def changed_its_mind(self) -> Counted:
        """Fixes for which the order of the two words in the question changed the verdict."""
        first, second = ([j.says for j in self.verify if j.order == order] for order in ORDERS)
        pairs = list(zip(first, second, strict=False))
        return Counted(sum(a != b for a, b in pairs), len(pairs))


def small_model_results() -> SmallModelResults:
    """The course's own run."""
    return SmallModelResults.model_validate(data("routing/small_model.json"))
