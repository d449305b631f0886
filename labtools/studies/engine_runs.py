"""What a real engine answered in the labs, recorded with `tools/record_engine.py`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from labtools.errors import one_of

FOLDER = Path(str(files("labtools"))) / "recordings"


def recorded(name: str) -> str:
    """The endpoint that plays a recording again, for `connect`. Raises ConfigurationError."""
    path = FOLDER / f"{name}.jsonl"
    if not path.is_file():
        raise one_of("recording", name, sorted(path.stem for path in FOLDER.glob("*.jsonl")))
    return f"replay:{path}"
