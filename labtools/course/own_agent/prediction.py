"""Runs of an agent on a real engine, foretold from one trace: numbers as they were measured.

The output of benchmarks/agent_prediction.py; `source` says on what, `profiles` with which fits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import Any, Literal

from labtools.course import FOLDER
from labtools.read_back import read_back


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the changed agent."""

    run: int
    took_s: float
    ttft_s: float
    """Of all its calls together."""
    decode_s: float
    input_tokens: int
    cached_tokens: int
    load: float
    """The machine's load average before it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a change was foretold to take, and what its runs took."""

    levers: str
    run_s: float
    run_low_s: float
    run_high_s: float
    ttft_s: float | None
    """Foretold, of all calls together; None where calls are on several models."""
    decode_s: float | None
    runs: tuple[Run, ...]

    @property
    def took_s(self) -> float:
        """The median."""
        return median(run.took_s for run in self.runs)

    @property
    def errors(self) -> tuple[float, ...]:
        """Of each run: foretold over measured, less 1."""
        return tuple(self.run_s / run.took_s - 1 for run in self.runs)

    @property
    def error(self) -> float:
        """The median of the errors."""
        return median(self.errors)

    def holds(self, run: Run) -> bool:
        """Whether a run is inside the interval."""
        return self.run_low_s <= run.took_s <= self.run_high_s

    @property
    def inside(self) -> int:
        """Runs inside the interval."""
        return sum(map(self.holds, self.runs))

    def error_of(self, part: Literal["ttft_s", "decode_s"]) -> float | None:
        """Of a part: foretold over the runs' median, less 1."""
        foretold = getattr(self, part)
        measured = median(getattr(run, part) for run in self.runs)
        return None if foretold is None else float(foretold / measured - 1)


RESULT: dict[str, Any] = json.loads(
    (FOLDER / "own_agent" / "agent_prediction.json").read_text(encoding="utf-8")
)
CHANGES: Mapping[str, Held] = MappingProxyType(
    {
        name: read_back(Held, values, f"agent_prediction.json, {name}")
        for name, values in RESULT["changes"].items()
    }
)


def typical_error() -> float:
    """The median over all runs of how far each was foretold wrong, whichever way."""
    return median(abs(error) for held in CHANGES.values() for error in held.errors)


def inside_share() -> float:
    """Of all runs, those inside their interval."""
    return sum(held.inside for held in CHANGES.values()) / runs()


def runs() -> int:
    """How many there were."""
    return sum(len(held.runs) for held in CHANGES.values())
