"""A file with a trace of an agent, whoever wrote it: its format is found by what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from labtools.errors import ConfigurationError
from labtools.lab.trace import Trace
from labtools.own_agent.json_values import Json
from labtools.own_agent.readers import (
    claude_code,
    codex,
    inspect_ai,
    langfuse,
    litellm,
    otlp,
    tracelab,
)
from labtools.own_agent.recorded import read_recorded
from labtools.own_agent.steps import Step, trace_of
from labtools.wording import count

OWN = "this course's traces and recordings"


class Reader(Protocol):
    """A format: what it is called, how it is told from others, and what its records say."""

    NAME: str

    def recognises(self, records: list[Json]) -> bool:
        """Whether these records, the file's first, are of this format."""
        ...

    def read(self, records: list[Json]) -> tuple[list[Step], str]:
        """The steps, and what to call where they ran. Whatever is not as expected is left out."""
        ...


READERS: tuple[Reader, ...] = (
    otlp,
    tracelab,
    claude_code,
    codex,
    inspect_ai,
    litellm,
    langfuse,
)

_FIRST = 50  # records that have to show what a file is


def read_trace(path: str | Path) -> Trace:
    """The trace in a file of any format that is known.

    Raises ConfigurationError that says what was seen and what is read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"Cannot read {path}: {error.strerror or error}.") from None
    if (trace := read_recorded(Path(path), content)) is not None:
        return trace
    records = list(_records(content.decode("utf-8", "replace")))
    for reader in READERS:
        if reader.recognises(records[:_FIRST]):
            steps, endpoint = reader.read(records)
            if not any(step.kind == "llm" for step in steps):
                raise ConfigurationError(
                    f"{path} looks like {reader.NAME}, and no call of a model could be read from "
                    f"its {count(len(records), 'record')}: look for times that are missing."
                )
            return trace_of(steps, endpoint)
    known = "; ".join([*(reader.NAME for reader in READERS), OWN])
    raise ConfigurationError(
        f"{path} is no trace that is known: it {_seen(content, records)}. Read are: {known}."
    )


def _records(content: str) -> Iterator[Json]:
    """The objects in a file: JSON, JSON lines, JSON texts in a row. What is broken is skipped."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(content):
        if content[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(content, at)
        except (ValueError, RecursionError):
            at = content.find("\n", at) + 1 or len(content)
            continue
        yield from (each for each in _flat(value) if isinstance(each, dict))


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _seen(content: bytes, records: list[Json]) -> str:
    if not content:
        return "is empty"
    if content[:2] == b"PK":
        return "is a zip file (an .eval of Inspect AI? `inspect log dump` makes JSON of it)"
    if not records:
        return f"holds no JSON object, and begins with {content[:30]!r}"
    fields = ", ".join(repr(name)[:30] for name in list(records[0])[:6])
    held = count(len(records), "JSON object")
    return f"holds {held}, the first with the fields {fields or '(none)'}"
