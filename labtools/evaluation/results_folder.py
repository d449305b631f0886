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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from labtools.errors import ConfigurationError
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes import AXES
from labtools.evaluation.observations import Identity, Measured, Observation, Watched
from labtools.evaluation.plan import AxisName
from labtools.evaluation.settings import SETTING_NAMES, as_typed, differing
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
        if settings.exists() and (others := _differing(self.identity(), identity)):
            if any(record.error is None for record in self.read().made):
                raise ConfigurationError(
                    f"{self.path} holds another run: {'; '.join(others)}. To go on with it, "
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
        calls: list[Observation] = lines["call"]
        overheads: dict[str, Watched] = {noted.block: noted for noted in lines["overhead"]}
        attempts: dict[str, int] = dict(lines["finished"])  # those that count
        counted = [call for call in calls if attempts.get(call.block) == call.attempt]
        begun = defaultdict[str, int](int)
        for call in calls:
            begun[call.block] = max(begun[call.block], call.attempt)
        planned = sum(call.axis != AxisName.ABILITIES for call in calls)
        return Measured(
            self.identity(),
            lines["abilities"][-1] if lines["abilities"] else None,
            tuple(sorted(counted, key=lambda call: call.key)),
            tuple(overheads[name] for name in sorted(overheads) if name in attempts),
            set_aside=planned - len(counted),
            round_trips_s=tuple(taken.seconds for taken in lines["round_trip"]),
            finished=frozenset(attempts),
            attempts=begun,
            made=tuple(call.record for call in calls),
        )

    def _lines(self) -> dict[str, list[Any]]:
        """What the lines hold, by their kind."""
        found: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
        for _, kind, value in read_kinds(self.records, _KINDS) if self.records.exists() else ():
            found[kind].append(value)
        return found


def read_kinds(
    path: Path, kinds: Mapping[str, Callable[[dict[str, Any]], Any]]
) -> Iterator[tuple[int, str, Any]]:
    """Each line's number, its kind, and what that makes of it; a torn last line is left out.

    Raises ConfigurationError that names the line for one that is of no kind.
    """
    for number, values in read_lines(path):
        kind = values.pop("kind", None)
        try:
            if not isinstance(kind, str) or kind not in kinds:
                raise ConfigurationError(f"its kind is {kind!r:.40}, which no evaluation writes")
            value = kinds[kind](values)
        except (ConfigurationError, ValueError) as error:
            raise unusable_line(path, number, str(error).rstrip(".")) from None
        yield number, kind, value


_MADE_FOR = {what: name for axis in AXES for what, name in axis.made_for.items()}


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
        made_for = _MADE_FOR.get(call.label) or _MADE_FOR.get(call.axis)
        if made_for and made_for not in call.at:
            raise ConfigurationError(f"a call on the axis {call.axis} needs at.{made_for}")
    return call


class _Finished(NamedTuple):
    block: str
    attempt: Count


class _RoundTrip(NamedTuple):
    seconds: Seconds


read_overhead = partial(read_back, Watched, where="an overhead")
_KINDS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "call": read_call,
    "finished": partial(read_back, _Finished, where="a finished block"),
    "overhead": read_overhead,
    "abilities": partial(read_back, Abilities, where="abilities"),
    "round_trip": partial(read_back, _RoundTrip, where="a round trip"),
}


def _differing(*runs: Identity) -> list[str]:
    """What makes the run that was found and the one that is asked for different, as phrases."""
    found = differing(runs, ("name", "endpoint", "model", "clock"))
    found |= differing([run.settings for run in runs], SETTING_NAMES)
    told = {name: map(as_typed, values) for name, values in found.items()}
    return [f"{name}: found {was}, asked {now}" for name, (was, now) in told.items()]


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
