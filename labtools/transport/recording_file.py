"""The file of a recording: a line for each HTTP exchange of a run, in the order they ended.

{"format": "labtools-recording/1", "mode": "url", "base_url": "https://...", "models": {...}}
{"number": 1, "method": "POST", "path": "/v1/chat/completions", "model": "m",
 "asked": {"messages": "0c9d...", ...}, "status": 200, "headers": {...}, "connect_s": 0.0,
 "head_s": 0.31, "body": [[0.31, "data: ..."], ...], "ended_s": 1.2, "ending": "complete"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from labtools.errors import ConfigurationError
from labtools.transport.recording import Exchange, Header

FORMAT = "labtools-recording/1"


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
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"Cannot read the recording {path}: {error}. Make one with "
                "connect(URL, record=FILE)."
            ) from None
        first, *lines = text.split("\n")
        header = _header(path, first)
        torn = lines.pop() if lines else ""
        # Two labs that began the file in the same moment have both written its header.
        numbered = ((place, one) for place, one in enumerate(lines, start=2) if one != first)
        exchanges = [_exchange(path, place, line) for place, line in numbered]
        if torn and _is_whole(torn):
            exchanges.append(_exchange(path, len(lines) + 2, torn))
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
            _append(path, {"format": FORMAT, **asdict(header)})
            return 1
        recording = Recording.load(path)
        if recording.header != header:
            raise ConfigurationError(
                f"{path} holds a recording of {_told(recording.header)}, and this lab is on "
                f"{_told(header)}. Record into another file."
            )
        _mend_end(path)
    except OSError as error:
        raise ConfigurationError(f"Cannot record to {path}: {error.strerror}.") from None
    return max((exchange.number for exchange in recording.exchanges), default=0) + 1


def _told(header: Header) -> str:
    models = ", ".join(f"{step}: {model}" for step, model in header.models.items())
    return f"{header.base_url} ({header.mode}; {models})"


def append(path: str | Path, exchange: Exchange) -> None:
    """Add one exchange to a file that `begin` has made ready."""
    _append(Path(path), asdict(exchange))


def _append(path: Path, values: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def _mend_end(path: Path) -> None:
    """End the file with a whole line."""
    text = path.read_bytes()
    end = text.rfind(b"\n") + 1
    torn = text[end:].decode("utf-8", "replace")
    if torn:
        path.write_bytes(text + b"\n" if _is_whole(torn) else text[:end])


def _is_whole(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _header(path: Path, line: str) -> Header:
    try:
        values = json.loads(line)
        found = values.pop("format")
        if found != FORMAT:
            raise ConfigurationError(
                f"{path} has format {found!r}; this version reads {FORMAT!r}."
            ) from None
        return _HEADER.validate_python(values, extra="forbid")
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        if isinstance(e, ConfigurationError):
            raise
        raise ConfigurationError(
            f"{path} is not a recording: its first line does not name the format {FORMAT!r} and "
            "the endpoint. Make one with connect(URL, record=FILE)."
        ) from None


def _exchange(path: Path, place: int, line: str) -> Exchange:
    said: object
    try:
        exchange = _EXCHANGE.validate_json(line)
        exchange.error()
        exchange.pieces()
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"]
    except (ConfigurationError, UnicodeEncodeError) as error:
        said = error
    else:
        return exchange
    raise ConfigurationError(
        f"Line {place} of the recording {path} is not an exchange: {said}. Take the line out, or "
        "record again."
    )


_HEADER = TypeAdapter(Header)
_EXCHANGE = TypeAdapter(Exchange)
