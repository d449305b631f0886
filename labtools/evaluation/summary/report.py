"""What an evaluation amounts to, as plain values: the nouns of `report.json`.

Seconds end in `_s`, rates in `_per_s`; None is "there is no such value", and a reason says why.
`docs/evaluation-report.schema.json` is made from these classes and their docstrings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from labtools.errors import ConfigurationError
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.fitting.held_out import Prediction
from labtools.evaluation.fitting.parameter import Parameter
from labtools.evaluation.settings import Settings
from labtools.evaluation.summary.axes import Chain, Contexts, Interference, Load, Prefix, Structured
from labtools.evaluation.summary.parts import Part, Stat

Format = Literal["labtools-evaluation-report/1"]
FORMAT: Format = "labtools-evaluation-report/1"


@dataclass(frozen=True, slots=True)
class Endpoint(Part):
    """Which endpoint was measured, and with what."""

    name: str
    endpoint: str
    model: str
    clock: str
    """"simulated" or "wall"."""
    labtools_version: str


@dataclass(frozen=True, slots=True)
class Unfinished(Part):
    """An axis of which blocks are missing, because the run was interrupted."""

    axis: str
    finished: int
    planned: int


@dataclass(frozen=True, slots=True)
class Completeness(Part):
    """How much of the plan was measured, in blocks."""

    finished: int
    planned: int | None
    """Null: the run ended before it was known what the endpoint can do, and so what to send."""
    unfinished: tuple[Unfinished, ...]

    @property
    def complete(self) -> bool:
        return self.planned is not None and not self.unfinished


@dataclass(frozen=True, slots=True)
class Spent(Part):
    """What all calls took: warm-up, and attempts that were interrupted, included."""

    requests: int
    set_aside: int
    """Requests of interrupted attempts: paid for, and in no statistic."""
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    without_usage: int
    """Requests whose tokens the endpoint did not tell. They are missing from the sums."""
    usd: float | None
    usd_reason: str | None
    """Why there is no sum of dollars."""


@dataclass(frozen=True, slots=True)
class Failure(Part):
    """Calls that failed in the same way."""

    kind: str
    status: int | None
    calls: int
    axes: tuple[str, ...]
    message: str
    """The first one's, shortened."""
    longest_retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Overhead(Part):
    """What the measuring machine added."""

    samples: int
    lateness_p50_s: float
    """How late the loop woke. What arrives meanwhile is stamped that late at worst."""
    lateness_p95_s: float
    lateness_max_s: float
    cpu_s_per_call: float | None


@dataclass(frozen=True, slots=True)
class Lack(Part):
    """Something that the endpoint cannot do, which is another thing than doing it slowly."""

    what: str
    consequence: str


@dataclass(frozen=True, slots=True)
class Fitted(Part):
    """The latency model that explains the measurements best."""

    parameters: tuple[Parameter, ...]
    held_out: tuple[Prediction, ...]
    """How well it predicts the chains, which it was not fitted to."""


@dataclass(frozen=True, slots=True)
class Sentence(Part):
    """One sentence of the verdict, and the rule that it follows from."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Report(Part):
    """All of one endpoint's evaluation."""

    format: Format
    endpoint: Endpoint
    settings: Settings
    repeat: str
    """The command that measures the same again."""
    abilities: Abilities | None
    tokens_counted_as: Literal["usage", "chunks", "both", "nothing"]
    """Where the numbers of output tokens come from. "chunks": the endpoint tells no usage."""
    completeness: Completeness
    spent: Spent
    round_trip_s: Stat
    """An exchange without inference: GET /models/NAME."""
    contexts: Contexts
    closed_loop: tuple[Load, ...]
    open_loop: Load | None
    interference: Interference
    prefix: Prefix
    structured: Structured
    chain: Chain
    failures: tuple[Failure, ...]
    overhead: Overhead | None
    overhead_reason: str | None
    """Why no overhead is given."""
    lacks: tuple[Lack, ...]
    fit: Fitted | None
    verdict: tuple[Sentence, ...] = ()


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)


def to_json(report: Report) -> str:
    """The report as `report.json` holds it."""
    return _adapter().dump_json(report, indent=1).decode() + "\n"


def from_json(text: str | bytes) -> Report:
    """Read it back. Raises ConfigurationError for what is no report."""
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(
            f"This is no report of the format {FORMAT}: {where}: {first['msg']}; found "
            f"{first['input']!r:.80}. Write it anew from the evaluation's folder."
        ) from None


def json_schema() -> Mapping[str, Any]:
    """The JSON schema of `report.json`."""
    schema = _adapter().json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as it is stored in the documentation."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
