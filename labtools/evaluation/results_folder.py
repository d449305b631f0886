"""What was measured, on disk from the moment it was: a folder for each endpoint.

    settings.json     what is sent, where, and under which name
    records.jsonl     a line for each call as it ended, and for what else was found out
    report.json, report.html, profile.json   made from these two, at any time again

A process that is killed leaves at most one torn line at the end (see `json_lines`), of a call
whose block is run again anyway.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labtools.errors import ConfigurationError
from labtools.evaluation import json_lines
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.folder_lock import held
from labtools.evaluation.labels import AxisName
from labtools.evaluation.observations import Identity, Measured, Observation, Overhead
from labtools.evaluation.settings import Settings

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
                locked.enter_context(held(self.records))
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
        json_lines.mend(self.records)
        if not settings.exists():
            _write_whole(settings, json.dumps({"format": FORMAT, **asdict(identity)}, indent=1))

    def identity(self) -> Identity:
        """What `settings.json` says. Raises ConfigurationError when there is none to read."""
        path = self.path / "settings.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            return Identity(**{**values, "settings": Settings(**values["settings"])})
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                f"{self.path} is no evaluation's folder: {path.name}: {error}. "
                "Name the folder that --out and --name made, such as results/acme."
            ) from None

    def append(self, kind: str, values: Mapping[str, Any]) -> None:
        """Write one line, whole and at once."""
        json_lines.append(self.records, {"kind": kind, **values})

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
        json_lines.each(self.records, lines.take)
        return lines


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
        """Sort one line in. Raises KeyError, TypeError or ValueError for what is none."""
        kind = values.pop("kind")
        if kind == "call":
            self.calls.append(Observation.from_dict(values))
        elif kind == "finished":
            self.finished[values["block"]] = values["attempt"]
        elif kind == "overhead":
            self.overheads[values["block"]] = Overhead.from_dict(values)
        elif kind == "abilities":
            self.abilities = Abilities.from_dict(values)
        elif kind == "round_trip":
            self.round_trips_s.append(float(values["seconds"]))
        else:
            raise ValueError(f"its kind is {kind!r:.40}")


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


def _write_whole(path: Path, text: str) -> None:
    """All of it or nothing, whenever the process is killed."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
