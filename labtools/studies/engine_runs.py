"""What a real engine answered in the labs, recorded with `tools/record_engine.py`.

And what the mock makes of it: the profile that was fitted to another evaluation of that engine.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pydantic import TypeAdapter

from labtools.errors import one_of
from labtools.latency_model import LatencyProfile
from labtools.studies.engine_measured import PREDICTION

FOLDER = Path(str(files("labtools"))) / "recordings"


def recorded(name: str) -> str:
    """The endpoint that plays a recording again, for `connect`. Raises ConfigurationError."""
    path = FOLDER / f"{name}.jsonl"
    if not path.is_file():
        raise one_of("recording", name, sorted(path.stem for path in FOLDER.glob("*.jsonl")))
    return f"replay:{path}"


def fitted_profile() -> LatencyProfile:
    """The engine as the mock imitates it, of the size that `PREDICTION` names."""
    return TypeAdapter(LatencyProfile).validate_python(PREDICTION["profile"])
