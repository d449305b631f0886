"""A file with a trace of an agent, whoever wrote it: its format is found by what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labtools.clock import elapsed_s
from labtools.errors import ConfigurationError
from labtools.files import read_lines, unusable_line
from labtools.lab.stopwatch import record_of
from labtools.lab.trace import FORMAT, Trace
from labtools.own_agent.readers.call_logs import INSPECT_AI, LANGFUSE, LITELLM
from labtools.own_agent.readers.otlp import OPENTELEMETRY
from labtools.own_agent.readers.session_logs import CLAUDE_CODE, CODEX, TRACELAB
from labtools.own_agent.steps import trace_of
from labtools.read_back import Json, read_back
from labtools.records import CallError, Span
from labtools.transport.arrivals import Arrivals
from labtools.transport.recording import Exchange, Recording
from labtools.wording import count


def read_recorded(path: Path, content: bytes) -> Trace | None:
    """The trace in a file of ours; None for a file of somebody else's."""
    head = content[:200]
    if b'"labtools-recording/' in head:
        return _of_recording(Recording.load(path))
    if b'"labtools-trace/' not in head:
        return None
    try:
        lines = "spans" not in json.loads(content.partition(b"\n")[0])
    except (ValueError, RecursionError, TypeError):
        lines = False
    return _of_lines(path) if lines else Trace.load(path)


def _of_lines(path: Path) -> Trace:
    lines = read_lines(path)
    _, header = next(lines)
    endpoint = header.get("endpoint")
    if header.get("format") != FORMAT or not isinstance(endpoint, str):
        raise ConfigurationError(
            f"{path}: its first line is no header of a trace; found {header!r:.80}. "
            f"The format has to be {FORMAT!r}, the endpoint a text."
        )
    spans = [_span(path, number, values) for number, values in lines]
    started_at = min((span.started_at for span in spans), default=0.0)
    ended_at = max((span.ended_at for span in spans), default=started_at)
    return Trace(tuple(spans), started_at, ended_at, endpoint, "wall")


def _span(path: Path, number: int, values: dict[str, Any]) -> Span:
    try:
        return read_back(Span, values, "a step of a trace")
    except ConfigurationError as error:
        raise unusable_line(path, number, str(error).rstrip(".")) from None


def _of_recording(recording: Recording) -> Trace:
    """Its calls, one behind the other: a recording says how long each took, and not when it was."""
    spans: list[Span] = []
    at = 0.0
    for exchange in recording.exchanges:
        if not exchange.path.endswith("/chat/completions"):
            continue
        span = _call(exchange, len(spans) + 1, at)
        spans.append(span)
        at = span.ended_at
    endpoint = f"{recording.header.base_url}, recorded; calls set one behind the other"
    return Trace(tuple(spans), 0.0, at, endpoint, "wall")


def _call(exchange: Exchange, id: int, at: float) -> Span:
    arrivals = Arrivals(
        at, [(round(at + offset_s, 9), piece) for offset_s, piece in exchange.pieces()]
    )
    error = exchange.error()
    failed = CallError("cut_off", str(error)) if error else None
    if exchange.status is not None and exchange.status >= 400:
        failed = CallError("status", f"HTTP {exchange.status}", exchange.status)
    ended_at = round(at + exchange.ended_s, 9)
    call = record_of(exchange.model or "unknown", arrivals, ended_at, failed, "")
    derived = ("started_at", "ended_at")
    took = elapsed_s(at, ended_at)
    said = str(call.error) if call.error else None
    return Span(id, f"call {id}", "llm", at, round(at + took, 9), None, call, said, (), derived)


OWN = "this course's traces and recordings"


READERS = (OPENTELEMETRY, TRACELAB, CLAUDE_CODE, CODEX, INSPECT_AI, LITELLM, LANGFUSE)

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
        if any(map(reader.recognises, records[:_FIRST])):
            steps, endpoint = reader.read(records)
            if not any(step.kind == "llm" for step in steps):
                raise ConfigurationError(
                    f"{path} looks like {reader.name}, and no call of a model could be read from "
                    f"its {count(len(records), 'record')}: look for times that are missing."
                )
            return trace_of(steps, endpoint)
    known = "; ".join([*(reader.name for reader in READERS), OWN])
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
