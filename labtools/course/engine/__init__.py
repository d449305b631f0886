"""What a real engine did, and how well the mock foretold it: numbers as they were measured.

`PHYSICS` is the output of benchmarks/engine_physics.py, `PREDICTION` that of
benchmarks/engine_prediction.py; each says in `source` on what.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import Any

from labtools.course import FOLDER
from labtools.model.profile import LatencyProfile
from labtools.read_back import read_back

PARTS = ("end_to_end_s", "ttft_cold_s", "ttft_warm_s", "decode_s")
"""Of a program: from its first call to its last, and where all its calls' time went. Warm is a call
whose prompt was cached for more than half."""


def _data(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((FOLDER / "engine" / name).read_text(encoding="utf-8"))
    return values


PHYSICS = _data("engine_physics.json")
PREDICTION = _data("engine_prediction.json")


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """One part of one program, over all runs: medians in seconds, errors as shares."""

    measured_s: float
    predicted_s: float
    errors: tuple[float, ...]
    """Of each run: predicted over measured, less 1."""

    @property
    def error(self) -> float:
        """The median."""
        return median(self.errors)


def held_against(program: str, part: str) -> HeldAgainst:
    """How a part of a program, "chain" or "agents", was predicted and measured."""
    measured = [run[part] for run in PREDICTION["measured"][program]]
    predicted = [run[part] for run in PREDICTION["predicted"][program]]
    errors = tuple(p / m - 1 for p, m in zip(predicted, measured, strict=True))
    return HeldAgainst(median(measured), median(predicted), errors)


def fitted_profile() -> LatencyProfile:
    """The engine as the mock imitates it, fitted to another evaluation of it."""
    return read_back(LatencyProfile, PREDICTION["profile"], "engine_prediction.json, profile")
