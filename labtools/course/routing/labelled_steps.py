"""Steps of coding agents, each labelled with whether a small model suffices for it.

The set was made up for this course and labelled by its author under the rule that the file
states; no model was run. It shows how to measure a boundary, not where yours is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from labtools.errors import ConfigurationError

STEP_TYPES = ("tool_call", "verify", "code_generation", "plan")


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
    """The course's set, in the order of its file."""
    file = files("labtools.course.routing") / "labelled_steps.json"
    return parse_steps(json.loads(file.read_text()))


def parse_steps(values: Any) -> tuple[LabelledStep, ...]:
    """Steps from the form of the JSON file. Raises ConfigurationError that names the step."""
    if not isinstance(values, dict) or not isinstance(values.get("steps"), list):
        raise ConfigurationError('A set of steps is an object with a list under "steps".')
    steps = tuple(_step(number, row) for number, row in enumerate(values["steps"], start=1))
    ids = [step.id for step in steps]
    for id_ in ids:
        if ids.count(id_) > 1:
            raise ConfigurationError(f"Two steps have the id {id_!r}. Ids must differ.")
    return steps


_FIELDS = {
    "id": str,
    "type": str,
    "request": str,
    "input_tokens": int,
    "output_tokens": int,
    "small_suffices": bool,
    "why": str,
    "held_out": bool,
}


def _step(number: int, row: Any) -> LabelledStep:
    if not isinstance(row, dict):
        raise ConfigurationError(f"Step {number} must be an object; found {row!r:.80}.")
    for name, kind in _FIELDS.items():
        if type(row.get(name)) is not kind:
            raise ConfigurationError(
                f"Step {number}: {name} must be a {kind.__name__}; found {row.get(name)!r:.80}."
            )
    if row["type"] not in STEP_TYPES:
        raise ConfigurationError(
            f"Step {number}: unknown type {row['type']!r}. Allowed: {', '.join(STEP_TYPES)}."
        )
    if row["input_tokens"] < 1 or row["output_tokens"] < 1:
        raise ConfigurationError(f"Step {number}: a step has at least one token each way.")
    request = StepRequest(row["type"], row["request"], row["input_tokens"])
    rest = (row[name] for name in ("output_tokens", "small_suffices", "why", "held_out"))
    return LabelledStep(row["id"], request, *rest)
