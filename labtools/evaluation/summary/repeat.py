"""The command that measures the same again."""

from __future__ import annotations

import shlex
from dataclasses import fields

from labtools.evaluation.observations import Identity
from labtools.evaluation.settings import SIZES, Settings


def command_line(identity: Identity) -> str:
    """The size that is nearest, and whatever differs from it."""
    differing = {name: _differing(size, identity.settings) for name, size in SIZES.items()}
    nearest = min(differing, key=lambda name: (len(differing[name]), name != "default"))
    words = ["python", "-m", "labtools", "evaluate"]
    words += ["--base-url", identity.endpoint, "--model", identity.model, "--name", identity.name]
    if nearest != "default":
        words += ["--size", nearest]
    for name in differing[nearest]:
        words += [f"--{name.replace('_', '-')}", _shown(getattr(identity.settings, name))]
    return shlex.join(words)


def _differing(size: Settings, settings: Settings) -> list[str]:
    names = (field.name for field in fields(Settings))
    return [name for name in names if getattr(size, name) != getattr(settings, name)]


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
