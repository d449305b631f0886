"""A file of JSON values, a line each, that a killed process leaves readable.

A line is written whole and at once. So at most the last one is torn: that of a call which, as far
as anybody knows, has not ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labtools.errors import ConfigurationError


def append(path: Path, values: Mapping[str, Any]) -> None:
    """Add one line, whole and at once. The file is made if there is none."""
    line = json.dumps(values, separators=(",", ":")) + "\n"
    with path.open("ab", buffering=0) as file:
        file.write(line.encode())


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines, without a torn last one; nothing if there is no file.

    Raises ConfigurationError for a line in the middle that is not JSON.
    """
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            if line:
                yield json.loads(line)
        except ValueError:
            if number == len(lines):
                return  # torn: nothing was written behind it
            raise ConfigurationError(
                f"{path}, line {number}, is not JSON. It was changed by something "
                "else than an evaluation; delete that line to go on without it."
            ) from None


def mend(path: Path) -> None:
    """Cut off a torn last line, so that the next begins on one of its own."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)
