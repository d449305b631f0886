"""Server-sent events: bytes out, and timed bytes back into timed events.

The format is the WHATWG's (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

DONE = b"data: [DONE]\n\n"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LAST = re.compile(rb"[\r\n]data:[ \t]*\[DONE\]\s*$")


class Event(NamedTuple):
    """One event; `at` is when its last byte arrived."""

    at: float
    name: str
    data: str


def encode(data: bytes, name: str | None = None) -> bytes:
    """One event on the wire. `data` must not hold a line break; JSON does not."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + data + b"\n\n"


def is_last(tail: bytes) -> bool:
    """Whether a body's end, from a line break on, is `[DONE]`: nothing can follow it."""
    return b"[DONE]" in tail and _LAST.search(tail) is not None


def is_one(chunk: bytes) -> bool:
    """Whether a segment is an event of one line, as nearly all are."""
    plain = chunk.startswith(b"data: ") and chunk.endswith(b"\n\n")
    return plain and chunk.count(b"\n") == 2 and b"\r" not in chunk


def events(chunks: Iterable[tuple[float, bytes]]) -> Iterator[Event]:
    """Events in a body that came as (instant, bytes), however it was cut into segments.

    Comments (`: ping`) and events without data are passed over. An event that the end of the
    body cuts off is not an event, unless it is `[DONE]`. A field `error`, which llama.cpp sends,
    makes its event one of that name.
    """
    parts, at, first = list[bytes](), 0.0, True
    name, data = "", list[str]()
    for at, chunk in chunks:
        if is_one(chunk) and not (first or name or data or any(parts)):
            yield Event(at, "", chunk[6:-2].decode("utf-8", "replace"))
            continue
        if not _LINE_END.search(chunk) and not (parts and parts[-1].endswith(b"\r")):
            parts.append(chunk)
            continue
        rest = b"".join([*parts, chunk])
        # A lone CR at the end may be half of a CRLF: keep it until more comes.
        held = b"\r" if rest.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(rest[: len(rest) - len(held)])
        parts = [rest + held]
        for line in lines:
            if first:
                line, first = line.removeprefix(b"\xef\xbb\xbf"), False
            if not line:
                if data:
                    yield Event(at, name, "\n".join(data))
                name, data = "", []
                continue
            field, _, value = line.decode("utf-8", "replace").partition(":")
            if field in ("data", "error"):
                data.append(value.removeprefix(" "))
                name = "error" if field == "error" else name
            elif field == "event":
                name = value.removeprefix(" ")
    rest = b"".join(parts)
    if is_last(b"\n" + rest):
        data.append("[DONE]")
    if data and (rest == b"\r" or data == ["[DONE]"]):
        yield Event(at, name, "\n".join(data))
