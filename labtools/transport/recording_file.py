"""The file of a recording: a line for each HTTP exchange of a run, in the order they ended.

{"format": "labtools-recording/1", "mode": "url", "base_url": "https://...", "models": {...}}
{"number": 1, "method": "POST", "path": "/v1/chat/completions", "model": "m",
 "asked": {"messages": "0c9d...", ...}, "status": 200, "headers": {...}, "connect_s": 0.0,
 "head_s": 0.31, "body": [[0.31, "data: ..."], ...], "ended_s": 1.2, "ending": "complete"}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from labtools.errors import ConfigurationError
from labtools.files import append_line, mend_end, read_lines
from labtools.read_back import read_back
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
