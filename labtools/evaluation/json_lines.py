"""A file of JSON values, a line each, that a killed process leaves readable.

A line is written whole and at once. So at most the last one is torn: that of a call which, as far
as anybody knows, has not ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
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

    Raises ConfigurationError for a line in the middle that is not JSON, and for one that is no
    object.
    """
    for _, values in _numbered(path):
        yield values


def each(path: Path, take: Callable[[dict[str, Any]], object]) -> None:
    """Give every line to `take`, which raises what it likes for one that it cannot use.

    Raises ConfigurationError, which names that line; and as `read` does.
    """
    for number, values in _numbered(path):
        try:
            take(values)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise _unusable(path, number, f"is no line of an evaluation: {reason}") from None


def _numbered(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines):
                return  # torn: nothing was written behind it
            raise _unusable(path, number, "is not JSON") from None
        if not isinstance(values, dict):
            shown = line.decode()[:40]
            raise _unusable(path, number, f"is no line of an evaluation: it is {shown}, no object")
        yield number, values


def _unusable(path: Path, number: int, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}, line {number}, {what}. It was changed by something else than an evaluation; "
        "delete that line to go on without it."
    )


def mend(path: Path) -> None:
    """Cut off a torn last line, so that the next begins on one of its own."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)
