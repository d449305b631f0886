"""What was measured, on disk from the moment it was: a folder for each endpoint.

    settings.json     what is sent, where, and under which name
    records.jsonl     a line for each call as it ended, and for what else was found out
    report.json, report.html, profile.json   made from these two, at any time again

A process that is killed leaves at most one torn line at the end, of a call whose block is run again
anyway. One run writes a folder at a time.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from labtools.errors import ConfigurationError
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.observations import Identity, Measured, Observation, Overhead
from labtools.evaluation.plan import AxisName, Label
from labtools.files import append_line, mend_end, read_lines, unusable_line, write_whole
from labtools.read_back import read_back
from labtools.records import Count, Seconds

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # Nobody else could write what is locked, so it is a byte that no file reaches.
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


FORMAT = "labtools-evaluation/1"


class ResultsFolder:
    """One endpoint's folder: written while measuring, read back to go on or to report."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def records(self) -> Path:
        return self.path / "records.jsonl"

    @property
    def empty(self) -> bool:
        """Whether no run has written anything."""
        return not (self.path / "settings.json").exists() or not (
            self.records.exists() and self.records.stat().st_size
        )

    @contextmanager
    def writing(self, identity: Identity) -> Iterator[None]:
        """For the time of the block, hold the folder for this run: make it, or go on in it.

        Raises ConfigurationError if it is another run's, or another run is writing it.
        """
        with ExitStack() as locked:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                locked.enter_context(_held(self.records))
            except OSError as error:
                raise ConfigurationError(f"Cannot write to {self.path}: {error}.") from None
            self._begin(identity)
            yield

    def _begin(self, identity: Identity) -> None:
        settings = self.path / "settings.json"
        if settings.exists() and (differing := _differing(self.identity(), identity)):
            if any(record.error is None for record in self.read().made):
                raise ConfigurationError(
                    f"{self.path} holds another run: {'; '.join(differing)}. To go on with it, "
                    "repeat its settings. To start anew, choose another --name or --out, or "
                    "delete the folder."
                )
            # Nothing was measured: a command that could not work has been corrected.
            os.truncate(self.records, 0)
            settings.unlink()
        mend_end(self.records)
        if not settings.exists():
            write_whole(settings, json.dumps({"format": FORMAT, **asdict(identity)}, indent=1))

    def identity(self) -> Identity:
        """What `settings.json` says. Raises ConfigurationError when there is none to read."""
        path = self.path / "settings.json"
        where, next_step = (
            f"{self.path} is no evaluation's folder: {path.name}",
            "Name the folder that --out and --name made, such as results/acme.",
        )
        try:
            values = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{where}: {error.strerror}. {next_step}") from None
        return read_back(Identity, values, where, format=FORMAT, next_step=next_step)

    def append(self, kind: str, values: Mapping[str, Any]) -> None:
        """Write one line, whole and at once. Raises ConfigurationError where that fails."""
        if not self.records.exists():
            raise ConfigurationError(
                f"{self.records} has gone: it was deleted or moved while this run was writing it. "
                "What it held is lost with it; the same command begins anew."
            )
        append_line(self.records, {"kind": kind, **values})

    def add(self, observation: Observation) -> None:
        """Keep one call."""
        self.append("call", observation.as_dict())

    def read(self) -> Measured:
        """Everything so far; a torn last line is left out."""
        lines = self._lines()
        calls, finished, overheads = lines.calls, lines.finished, lines.overheads
        counted = [one for one in calls if finished.get(one.block) == one.attempt]
        return Measured(
            self.identity(),
            lines.abilities,
            tuple(sorted(counted, key=lambda one: one.key)),
            tuple(overheads[name] for name in sorted(overheads) if name in finished),
            set_aside=sum(
                finished.get(one.block) != one.attempt
                for one in calls
                if one.axis != AxisName.ABILITIES
            ),
            round_trips_s=tuple(lines.round_trips_s),
            finished=frozenset(finished),
            made=tuple(one.record for one in calls),
        )

    def attempts(self) -> Mapping[str, int]:
        """How often each block has been begun."""
        begun: dict[str, int] = defaultdict(int)
        for one in self._lines().calls:
            begun[one.block] = max(begun[one.block], one.attempt)
        return begun

    def _lines(self) -> _Lines:
        lines = _Lines()
        for number, values in read_lines(self.records) if self.records.exists() else ():
            try:
                lines.take(values)
            except (ConfigurationError, ValueError) as error:
                raise unusable_line(self.records, number, str(error).rstrip(".")) from None
        return lines


class _Finished(NamedTuple):
    block: str
    attempt: Count


class _RoundTrip(NamedTuple):
    seconds: Seconds


@dataclass(slots=True)
class _Lines:
    """What the lines of `records.jsonl` hold, by kind."""

    calls: list[Observation] = field(default_factory=list)
    overheads: dict[str, Overhead] = field(default_factory=dict)
    finished: dict[str, int] = field(default_factory=dict)
    """From a block to the attempt that counts."""
    abilities: Abilities | None = None
    round_trips_s: list[float] = field(default_factory=list)

    def take(self, values: dict[str, Any]) -> None:
        """Sort one line in. Raises ConfigurationError for what is none."""
        kind = values.pop("kind", None)
        if kind == "call":
            self.calls.append(read_call(values))
        elif kind == "finished":
            block, attempt = read_back(_Finished, values, "a finished block")
            self.finished[block] = attempt
        elif kind == "overhead":
            overhead = read_back(Overhead, values, "an overhead")
            self.overheads[overhead.block] = overhead
        elif kind == "abilities":
            self.abilities = read_back(Abilities, values, "abilities")
        elif kind == "round_trip":
            self.round_trips_s.append(read_back(_RoundTrip, values, "a round trip").seconds)
        else:
            raise ConfigurationError(f"its kind is {kind!r:.40}, which no evaluation writes")


# What the summaries ask of the calls of an axis.
_MADE_FOR = {
    AxisName.CHAIN: "step",
    AxisName.CONTEXT: "input_tokens",
    AxisName.CONCURRENCY: "clients",
    AxisName.OPEN_LOOP: "request_rate_per_s",
}
_NUMBERED = (AxisName.CHAIN, AxisName.STRUCTURED)


def read_call(values: Mapping[str, Any], *, planned: bool = True) -> Observation:
    """One call as a file holds it; `planned`, with the values that its axis was made for.

    Raises ConfigurationError for what is none.
    """
    call = read_back(Observation, values, "a call")
    record = call.record
    instants = (record.sent_at, *record.chunks_at, record.ended_at)
    if any(later < earlier - 1e-6 for earlier, later in pairwise(instants)):
        raise ConfigurationError("a call's instants must follow each other, from sent to ended")
    if planned:
        made_for = "shared" if call.label == Label.SHARED else _MADE_FOR.get(call.axis)
        if made_for and made_for not in call.at:
            raise ConfigurationError(f"a call on the axis {call.axis} needs at.{made_for}")
        if call.axis in _NUMBERED and not call.block.rpartition("/")[2].isdecimal():
            raise ConfigurationError(
                f"a block of {call.axis} needs a number; found {call.block!r:.40}"
            )
    return call


def _differing(found: Identity, asked: Identity) -> list[str]:
    """What makes two runs different, as phrases."""
    names = ("name", "endpoint", "model", "clock")
    pairs = [(name, getattr(found, name), getattr(asked, name)) for name in names]
    then, now = found.settings.as_dict(), asked.settings.as_dict()
    pairs += [(name, then[name], now[name]) for name in now]
    return [
        f"{name}: found {_shown(one)}, asked {_shown(other)}"
        for name, one, other in pairs
        if one != other
    ]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return repr(value) if isinstance(value, str) else str(value)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a file, made if there is none, for the time of the block.

    The system holds the lock, and lets go of it when the process ends, however that was: a run that
    was killed leaves nothing to clear away.
    Raises ConfigurationError when another run holds it, OSError when it cannot be opened.
    """
    with path.open("ab") as file:
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError):
            raise ConfigurationError(
                f"{path.parent} is being written by another run. Wait until that has ended, or "
                "choose another --name or --out."
            ) from None
        except OSError:
            pass  # Some network drives know no locks; without one, measuring is still possible.
        yield
