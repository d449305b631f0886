"""This course's own files: traces, traces as they are written line by line, and recordings."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labtools.clock import elapsed_s
from labtools.errors import ConfigurationError
from labtools.files import append_line, read_lines, unusable_line
from labtools.lab.stopwatch import record_of
from labtools.lab.trace import FORMAT, Trace
from labtools.read_back import read_back
from labtools.records import CallError, Span
from labtools.transport.arrivals import Arrivals
from labtools.transport.recording import Exchange, Recording


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


def begin(path: Path, endpoint: str) -> None:
    """Start a trace that is written as it goes: what has ended is in the file."""
    append_line(path, {"format": FORMAT, "endpoint": endpoint, "clock": "wall"})


def add(path: Path, span: Span) -> None:
    """Write a step that has ended."""
    append_line(path, asdict(span))


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
