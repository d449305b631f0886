"""What can be set about the engine, its model and how it runs here; and what must be installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass, field, fields
from typing import Any

from labtools.errors import ConfigurationError, require, require_one_of

# The labs do without the engine, so what it needs is an extra.
TO_INSTALL = 'run `make engine`, or `pip install -e ".[engine]"`'
PACKAGES = ("xllamacpp", "gguf", "tokenizers", "numpy")
SMOLLM2 = "smollm2"
"""What the small real model is called as a size of the engine."""
MODEL_NAME = "smollm2-135m-instruct"
CONTEXT_TOKENS = 8192
"""The longest prompt and answer together that it was trained on."""


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a llama model. `width` is the length of a token's vector."""

    name: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int = 4096

    @property
    def head_width(self) -> int:
        """The length of one head's queries, keys and values."""
        return self.width // self.heads


SIZES = {
    size.name: size
    for size in (
        Size("2M", 128, 4, 4, 2, 384),
        Size("15M", 384, 6, 6, 2, 1280),
        Size("100M", 768, 12, 12, 4, 2560),
    )
}


def _threads_to_spare() -> int:
    """All cores but one, which the client and the rest of the machine need: a computing thread
    that has to wait for a core holds up all the others."""
    available = getattr(os, "sched_getaffinity", None)
    cores = len(available(0)) if available else os.cpu_count() or 1
    return max(1, cores - 1)


def _setting(default: Any, meaning: str, *limits: int) -> Any:
    return field(default=default, metadata={"meaning": meaning, "limits": limits})


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the engine runs, with what each setting means. Raises ConfigurationError.

    On two cores the smallest model begins to answer 1,000 tokens of prompt after some 150 ms, as
    fast endpoints do, and the labs run in minutes.
    """

    size: str = _setting(
        "2M", f"parameters of random weights: {', '.join(SIZES)}; or a real model: {SMOLLM2}"
    )
    threads: int = _setting(0, "cores that compute; 0: all but one", 1, 1024)
    slots: int = _setting(4, "requests that are worked on at once, each with its cache", 1, 64)
    context: int = _setting(16_384, "longest prompt and answer of a slot, in tokens", 256, 131_072)
    batch: int = _setting(
        2048, "prompt tokens read between two tokens of running streams", 32, 131_072
    )
    ubatch: int = _setting(512, "prompt tokens in one pass through the model", 32, 131_072)
    cache_mib: int = _setting(
        0, "memory for prefixes that have lost their slot; 0: none", 0, 1_048_576
    )

    def __post_init__(self) -> None:
        require_one_of("engine size", self.size, (*SIZES, SMOLLM2))
        if self.threads == 0:
            object.__setattr__(self, "threads", _threads_to_spare())
        for setting in fields(self)[1:]:
            least, most = setting.metadata["limits"]
            found = getattr(self, setting.name)
            require(f"The engine's {setting.name}", found, at_least=least, at_most=most, whole=True)
        if self.ubatch > self.batch:
            raise ConfigurationError(
                f"The engine's ubatch is {self.ubatch}, its batch {self.batch}. Allowed: a ubatch "
                "of at most the batch."
            )

    @property
    def slot_context(self) -> int:
        """The context of a slot, as far as the model has learnt to read."""
        return min(self.context, CONTEXT_TOKENS) if self.size == SMOLLM2 else self.context

    @property
    def model_name(self) -> str:
        return MODEL_NAME if self.size == SMOLLM2 else f"random-{self.size}"

    def as_arguments(self) -> list[str]:
        """The settings as options of `python -m labtools engine`."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return [part for name, value in pairs for part in (option(name), str(value))]


def option(name: str) -> str:
    """A setting's name on the command line."""
    return "--" + name.replace("_", "-")


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
