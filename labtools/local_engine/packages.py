"""What the engine needs installed. The labs do without it, so it is an extra."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from labtools.errors import ConfigurationError

TO_INSTALL = 'run `make engine`, or `pip install -e ".[engine]"`'
PACKAGES = ("xllamacpp", "gguf", "tokenizers", "numpy")


def missing_packages() -> list[str]:
    """The packages that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def check_installed() -> None:
    """Raise ConfigurationError, with what to do, unless the engine can run here."""
    if missing := missing_packages():
        raise ConfigurationError(
            f"The engine needs packages that are not installed: {', '.join(missing)}. To have "
            f"them, {TO_INSTALL}. There are wheels for Linux with glibc, macOS and Windows on "
            "x86-64, and for Linux and macOS on ARM."
        )


def engine_version() -> str:
    """The version of the package that carries llama.cpp."""
    return importlib.metadata.version(PACKAGES[0])
