"""What a recording knows of a request and its answer.

Of a request digests, a field each: enough to know it again, and to say what has changed. Of an
answer all bytes, and when they came. Keys and request headers are in no part of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx2
from pydantic import Field

from labtools.errors import ConfigurationError

COMPLETE = "complete"
LEFT = "left"
"""Whoever read the answer stopped before its end: a cancelled call, say."""

_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Header:
    """Which endpoint was recorded: its lab's mode, its address, and which model for which step."""

    mode: Annotated[str, Field(pattern="^(sim|mock|engine|url)$")]
    base_url: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?$")]
    models: dict[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as a recording knows it."""

    method: str
    path: str
    model: str | None
    asked: dict[str, str]
    """From each field of its body to a digest of the value."""

    @classmethod
    def by(cls, request: httpx2.Request, body: bytes) -> Asked:
        """What is asked by `request`, whose body has been read."""
        fields = _fields(body)
        model = fields.get("model")
        digests = {name: _digest(value) for name, value in fields.items()}
        known_model = model if isinstance(model, str) else None
        return cls(request.method, request.url.path, known_model, digests)

    @property
    def identity(self) -> tuple[str, str, frozenset[tuple[str, str]]]:
        """Equal for equal requests."""
        return self.method, self.path, frozenset(self.asked.items())

    def differences(self, other: Asked) -> list[str]:
        """The fields of the body that are not the same."""
        names = self.asked.keys() | other.asked.keys()
        return sorted(name for name in names if self.asked.get(name) != other.asked.get(name))

    @property
    def lists_models(self) -> bool:
        """GET /models: a lab's warm-up. It is not recorded; a replay answers it by itself."""
        return self.method == "GET" and self.path.endswith("/models")


@dataclass(frozen=True, slots=True)
class Exchange(Asked):
    """A request and what came of it. Offsets in seconds from the instant it was sent."""

    number: int
    """Requests in the order in which they were made."""
    ended_s: _Seconds
    ending: str
    """COMPLETE, LEFT, or the name of the httpx2 error that ended it."""
    message: str = ""
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    """None where no answer began. Offsets then count from when it was asked for."""
    headers: dict[str, str] = field(default_factory=dict)
    connect_s: _Seconds = 0.0
    head_s: _Seconds = 0.0
    body: list[tuple[_Seconds, str]] = field(default_factory=list)
    """The pieces as they arrived, each byte as the character of that number (Latin-1)."""

    def error(self) -> httpx2.RequestError | None:
        """What a replay raises at the end; None where the answer was complete."""
        if self.ending == COMPLETE:
            return None
        if self.ending == LEFT:
            return httpx2.ReadError("The recorded run stopped reading here.")
        kind = getattr(httpx2, self.ending, None)
        if not (isinstance(kind, type) and issubclass(kind, httpx2.RequestError)):
            raise ConfigurationError(f"there is no transport error {self.ending!r}")
        return kind(self.message)

    def pieces(self) -> list[tuple[float, bytes]]:
        """The body as it arrived."""
        return [(offset_s, piece.encode("latin-1")) for offset_s, piece in self.body]


def _fields(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    return fields if isinstance(fields, dict) else {"body": body.hex()}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
