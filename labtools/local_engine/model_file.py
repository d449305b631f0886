"""The model's file in the cache directory: made once, complete or not there at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from labtools.errors import ConfigurationError
from labtools.local_engine.packages import check_installed
from labtools.local_engine.sizes import SIZES, Size
from labtools.local_engine.smollm2 import SMOLLM2, smollm2_file
from labtools.local_engine.tokenizer import train
from labtools.local_engine.weights import write_model

CACHE_VARIABLE = "LABTOOLS_CACHE"
FORMAT_VERSION = 1
"""To be raised whenever what is written changes: a file of another version is not used."""
_PART = ".part"


def cache_directory() -> Path:
    """Where files are kept that can be made again: LABTOOLS_CACHE, or ~/.cache/labtools."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labtools"


def model_path(size: str) -> Path:
    """The file of the model of this name. Raises ConfigurationError."""
    return smollm2_file() if size == SMOLLM2 else model_file(SIZES[size])


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
