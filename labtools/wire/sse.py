"""Server-sent events: bytes out, and timed bytes back into timed events.

The format is the WHATWG's (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

DONE = b"data: [DONE]\n\n"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    """One event; `at` is when its last byte arrived."""

    at: float
    name: str
    data: str


def encode(data: bytes, name: str | None = None) -> bytes:
    """One event on the wire. `data` must not hold a line break; JSON does not."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + data + b"\n\n"


def events(chunks: Iterable[tuple[float, bytes]]) -> Iterator[Event]:
    """Events in a body that came as (instant, bytes), however it was cut into segments.

    Comments (`: ping`) and events without data are passed over. An event that the end of the
    body cuts off is not an event.
    """
    rest, at = b"", 0.0
    name, data = "", list[str]()
    for at, chunk in chunks:
        rest += chunk
        # A lone CR at the end may be half of a CRLF: keep it until more comes.
        held = b"\r" if rest.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(rest[: len(rest) - len(held)])
        rest += held
        for line in lines:
            if not line:
                if data:
                    yield Event(at, name, "\n".join(data))
                name, data = "", []
                continue
            field, _, value = line.decode("utf-8", "replace").partition(":")
            if field == "data":
                data.append(value.removeprefix(" "))
            elif field == "event":
                name = value.removeprefix(" ")
    if rest == b"\r" and data:
        yield Event(at, name, "\n".join(data))
