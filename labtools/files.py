"""Files that a killed process or a full disk leaves readable: JSON values a line, and whole files.

A line is appended whole and at once, so at most the last one is torn: that of something which, as
far as anybody knows, has not ended. A file that is written whole is the old one until it is the
new one.
"""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labtools.errors import ConfigurationError
from labtools.read_back import NOT_JSON, from_json


def append_line(path: str | Path, values: Mapping[str, Any]) -> None:
    """Add one line, whole or not at all. The file is made if there is none.

    Raises ConfigurationError when it cannot be written, on a full disk for instance.
    """
    line = json.dumps(values, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    written = 0
    try:
        with Path(path).open("ab+", buffering=0) as file:
            try:
                while written < len(line):  # a full disk takes a part, and only then refuses
                    written += file.write(line[written:])
            except OSError:
                _take_back(file.fileno(), line[:written])
                raise
    except OSError as error:
        raise ConfigurationError(f"Cannot write to {path}: {error.strerror}.") from None


def _take_back(file: int, part: bytes) -> None:
    """Cut off the part of a line that was written, unless another process has added to it."""
    start = os.fstat(file).st_size - len(part)
    with contextlib.suppress(OSError):
        if part and os.pread(file, len(part), start) == part:
            os.ftruncate(file, start)


def read_lines(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line's number and what it holds; a torn last one is left out, blank ones too.

    Raises ConfigurationError that names the line for one in the middle that is not JSON, and for
    one that is no object; and for a file that cannot be read.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigurationError(f"Cannot read {path}: {error.strerror}.") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        values = from_json(line)
        if values is NOT_JSON:
            if number == len(lines):
                return  # torn: nothing was written behind it
            raise unusable_line(path, number, "it is not JSON")
        if not isinstance(values, dict):
            shown = line[:40].decode("utf-8", "replace")
            raise unusable_line(path, number, f"it is {shown}, no JSON object")
        yield number, values


def values_in(path: str | Path) -> Any:
    """What a TOML file, whose name ends in .toml, or a JSON file holds.

    Raises ConfigurationError for a file that cannot be read or is neither.
    """
    path = Path(path)
    kind, parse = ("TOML", tomllib.loads) if path.suffix == ".toml" else ("JSON", json.loads)
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"Cannot read {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"Cannot read {path}: it is no {kind}: {error}. Allowed: a TOML file, whose name ends "
            "in .toml, or a JSON file."
        ) from None


def unusable_line(path: str | Path, number: int, why: object) -> ConfigurationError:
    """The error for a line that was read and cannot be used."""
    return ConfigurationError(
        f"{path}, line {number}: {why}. Something else than labtools has changed it; delete that "
        "line to go on without it."
    )


def mend_end(path: str | Path) -> None:
    """End the file with a whole line, so that the next begins on one of its own."""
    path = Path(path)
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole == len(content):
        return
    if from_json(content[whole:]) is NOT_JSON:
        os.truncate(path, whole)
    else:
        with path.open("ab") as file:
            file.write(b"\n")


def write_whole(path: str | Path, text: str) -> Path:
    """Write a file: all of it or nothing, whenever the process is killed.

    Raises ConfigurationError when it cannot be written.
    """
    target = Path(path).resolve()  # what a link points to is replaced, not the link
    draft = target.with_name(f"{target.name}.draft")
    try:
        if target.exists() and not target.is_file():  # a pipe, a terminal; for a folder it fails
            target.write_text(text, encoding="utf-8")
        else:
            draft.write_text(text, encoding="utf-8")
            draft.replace(target)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write {path}: {error.strerror}. Name a file in a folder that exists."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return Path(path)
