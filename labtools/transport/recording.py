"""A recording: a line for each HTTP exchange of a run, in the order they ended.

{"format": "labtools-recording/1", "mode": "url", "base_url": "https://...", "models": {...}}
{"number": 1, "method": "POST", "path": "/v1/chat/completions", "model": "m",
 "asked": {"messages": "0c9d...", ...}, "status": 200, "headers": {...}, "connect_s": 0.0,
 "head_s": 0.31, "body": [[0.31, "data: ..."], ...], "ended_s": 1.2, "ending": "complete"}

Of a request digests, a field each: enough to know it again, and to say what has changed. Of an
answer all bytes, and when they came. Keys and request headers are in no part of it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx2
from pydantic import Field

from labtools.errors import ConfigurationError
from labtools.files import append_line, mend_end, read_lines
from labtools.read_back import from_json, read_back
from labtools.records import Seconds

FORMAT = "labtools-recording/1"
COMPLETE = "complete"
LEFT = "left"
"""Whoever read the answer stopped before its end: a cancelled call, say."""


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
    ended_s: Seconds
    ending: str
    """COMPLETE, LEFT, or the name of the httpx2 error that ended it."""
    message: str = ""
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    """None where no answer began. Offsets then count from when it was asked for."""
    headers: dict[str, str] = field(default_factory=dict)
    connect_s: Seconds = 0.0
    head_s: Seconds = 0.0
    body: list[tuple[Seconds, str]] = field(default_factory=list)
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
        return [(offset_s, piece.encode("latin-1")) for offset_s, piece in self.body]


def _fields(body: bytes) -> dict[str, Any]:
    fields = from_json(body) if body else {}
    return fields if isinstance(fields, dict) else {"body": body.hex()}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds; `exchanges` in the order in which they were asked for."""

    path: Path
    header: Header
    exchanges: tuple[Exchange, ...]

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """Read a recording. A last line that was cut off, by a crash or a kill, is left out.

        Raises ConfigurationError for a file that cannot be read or is no recording.
        """
        path = Path(path)
        lines = read_lines(path)
        try:
            _, first = next(lines, (0, None))
            header = read_back(Header, first, f"{path} is not a recording", format=FORMAT)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error} Make one with connect(URL, record=FILE).") from None
        # Two labs that began the file in the same moment have both written its header.
        exchanges = [_exchange(path, number, line) for number, line in lines if line != first]
        return cls(path, header, tuple(sorted(exchanges, key=lambda exchange: exchange.number)))


def begin(path: str | Path, header: Header) -> int:
    """Make `path` ready to take exchanges, and return the number of the next one.

    A new file gets its header. An old recording is added to, if it is one of the same endpoint; a
    last line that was cut off goes. Raises ConfigurationError.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigurationError(f"Cannot record to {path}: it is a folder. Name a file.")
    try:
        if not path.exists() or not path.stat().st_size:
            append_line(path, {"format": FORMAT, **asdict(header)})
            return 1
        recording = Recording.load(path)
        if recording.header != header:
            raise ConfigurationError(
                f"{path} holds a recording of {_told(recording.header)}, and this lab is on "
                f"{_told(header)}. Record into another file."
            )
        mend_end(path)
    except OSError as error:
        raise ConfigurationError(f"Cannot record to {path}: {error.strerror}.") from None
    return max((exchange.number for exchange in recording.exchanges), default=0) + 1


def _told(header: Header) -> str:
    models = ", ".join(f"{step}: {model}" for step, model in header.models.items())
    return f"{header.base_url} ({header.mode}; {models})"


def append(path: str | Path, exchange: Exchange) -> None:
    """Add one exchange to a file that `begin` has made ready."""
    append_line(path, asdict(exchange))


def _exchange(path: Path, number: int, line: object) -> Exchange:
    next_step = "Take the line out, or record again."
    where = f"Line {number} of the recording {path} is not an exchange"
    exchange = read_back(Exchange, line, where, next_step=next_step)
    try:
        exchange.error()
        exchange.pieces()
    except ValueError as error:
        raise ConfigurationError(f"{where}: {str(error).rstrip('.')}. {next_step}") from None
    return exchange
