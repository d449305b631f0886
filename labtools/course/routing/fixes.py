"""Fixes to be judged: small functions, each with right fixes and with wrong ones that pass a test.

`fixes.toml` holds them. A right fix passes the hidden tests as well; a wrong one passes the tests
that an agent sees and fails a hidden one. A test of the course runs them all.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


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
        """The change, as a patch shows it."""
        before, after = (text.strip().splitlines() for text in (self.task.broken, self.code))
        lines = list(difflib.unified_diff(before, after, lineterm="", n=3))
        return "\n".join([f"--- {self.task.file}", *lines[3:]])


@cache
def fix_tasks() -> tuple[Task, ...]:
    """The tasks in their order."""
    text = (files("labtools.course.routing") / "fixes.toml").read_text(encoding="utf-8")
    return tuple(Task.model_validate(task) for task in tomllib.loads(text)["task"])


def fixes() -> tuple[Fix, ...]:
    """Every fix of every task, right and wrong in turn."""
    return tuple(
        Fix(task, code, right)
        for task in fix_tasks()
        for pair in zip(task.right, task.wrong, strict=True)
        for code, right in zip(pair, (True, False), strict=True)
    )
