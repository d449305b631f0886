"""What a real engine answered in the labs, recorded with `tools/record_engine.py`.

And what the mock makes of it: the profile that was fitted to another evaluation of that engine.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pydantic import TypeAdapter

from labtools.course.engine.measured import PREDICTION
from labtools.errors import one_of
from labtools.model.profile import LatencyProfile

COURSE = Path(str(files("labtools.course")))


def recordings() -> dict[str, Path]:
    """Every recording's file by its name."""
    return {path.stem: path for path in sorted(COURSE.glob("*/recordings/*.jsonl"))}


def recorded(name: str) -> str:
    """The endpoint that plays a recording again, for `connect`. Raises ConfigurationError."""
    found = recordings()
    if name not in found:
        raise one_of("recording", name, found)
    return f"replay:{found[name]}"


def fitted_profile() -> LatencyProfile:
    """The engine as the mock imitates it, of the size that `PREDICTION` names."""
    return TypeAdapter(LatencyProfile).validate_python(PREDICTION["profile"])
