"""What was measured, as values: each call, what the machine added, and which endpoint it was.

An instant is stamped when the loop gets to the bytes, so a loop that wakes late stamps late: while
calls are made, the loop is watched. On the simulated clock it adds nothing by construction, and is
not watched.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from labtools.clock import SimLoop, cpu_time_s, elapsed_s
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.plan import AxisName, Label
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Part
from labtools.records import CallRecord, Count, Seconds, TokenCount, tokens_of


@dataclass(frozen=True, slots=True)
class Observation:
    """One call of the plan, made and measured."""

    axis: AxisName
    block: str
    label: Label
    lane: Count
    place: Count
    """Its number in its lane, from 0."""
    record: CallRecord
    at: Mapping[str, Seconds] = field(default_factory=dict)
    attempt: Count = 1
    """A block that was interrupted is run again; the last attempt counts."""

    @property
    def key(self) -> tuple[str, int, int]:
        """What identifies the call in the plan, the same for every endpoint."""
        return self.block, self.lane, self.place

    @property
    def number(self) -> int:
        """Which run or round of its axis its block is: 3 of "chain/3"; 0 where it has none."""
        number = self.block.rpartition("/")[2]
        return int(number) if number.isdecimal() else 0

    @property
    def failed(self) -> bool:
        """Whether it ended in an error."""
        return self.record.error is not None

    @property
    def in_one_piece(self) -> bool:
        """Whether a stream came all at once: how fast its tokens were made, nobody can tell."""
        return self.record.in_one_piece

    @property
    def ttft_s(self) -> float | None:
        """TTFT of a call that ended well, if it can be known."""
        return None if self.failed or self.in_one_piece else self.record.ttft_s

    @property
    def e2e_latency_s(self) -> float | None:
        """Sent to the end of the stream, of a call that ended well."""
        return self.record.e2e_latency_s

    @property
    def decode_s(self) -> float | None:
        """First output to the end of the stream, if it can be known."""
        return None if self.in_one_piece else self.record.decode_s

    @property
    def output_tokens(self) -> int | None:
        """The answer's length, in chunks where the endpoint sends no usage. None of a failure."""
        if self.failed:
            return None
        told = self.record.output_tokens
        return len(self.record.chunks_at) if told is None else told

    @property
    def tpot_s(self) -> float | None:
        """Seconds a token after the first; without usage, seconds a chunk. None: not known."""
        chunks = self.record.chunks_at
        if self.in_one_piece:
            return None
        if self.record.output_tokens is not None or self.failed or len(chunks) < 2:
            return self.record.tpot_s
        return elapsed_s(chunks[0], chunks[-1]) / (len(chunks) - 1)

    @property
    def cached_share(self) -> float | None:
        """The share of the prompt that the endpoint says it had cached, if it says so."""
        if self.record.cached_tokens is None or not self.record.input_tokens:
            return None
        return self.record.cached_tokens / self.record.input_tokens

    def under_way(self, start: float, end: float) -> bool:
        """Whether the call was under way at any time between these instants."""
        return start < self.record.ended_at and self.record.sent_at < end

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "record": self.record.as_dict()}


K = TypeVar("K")
Groups: TypeAlias = dict[K, list[Observation]]


@dataclass(frozen=True, slots=True)
class Endpoint(Part):
    """Which endpoint was measured, and with what."""

    name: str
    endpoint: str
    model: str
    clock: str
    """"simulated" or "wall"."""
    labtools_version: str


@dataclass(frozen=True, slots=True)
class Identity(Endpoint):
    """An endpoint, and what it is sent. No keys."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Measured:
    """All of one endpoint's results, read back."""

    identity: Identity
    abilities: Abilities | None
    observations: tuple[Observation, ...]
    """Of the plan's finished blocks, in order of block, lane and place."""
    overheads: tuple[Watched, ...] = ()
    set_aside: int = 0
    """Records of attempts that were interrupted: kept on disk, counted in what was spent."""
    round_trips_s: tuple[float, ...] = ()
    """Exchanges without inference: GET /models/NAME."""
    finished: frozenset[str] = frozenset()
    attempts: Mapping[str, int] = field(default_factory=dict)
    """How often each block was begun."""
    made: tuple[CallRecord, ...] = ()
    """Every call that was made, those set aside included: what was spent."""

    @property
    def spent(self) -> TokenCount:
        """The tokens of all calls, as far as the endpoint said."""
        return tokens_of(self.made)

    def on(self, axis: AxisName, label: Label | None = None) -> tuple[Observation, ...]:
        """The observations of one axis, or of one label on it."""
        return tuple(
            call for call in self.observations if call.axis == axis and label in (None, call.label)
        )

    def by(self, axis: AxisName, name: str) -> dict[float, list[Observation]]:
        """The calls of an axis by the value of this name that they were made for, least first."""
        return dict(sorted(grouped(self.on(axis), lambda call: call.at[name]).items()))

    def blocks(self, axis: AxisName, label: Label | None = None) -> dict[str, list[Observation]]:
        """The calls of an axis, or of one label on it, by their block."""
        return grouped(self.on(axis, label), lambda call: call.block)

    def pairs(
        self, axis: AxisName, before: Label, after: Label
    ) -> list[tuple[Observation, Observation]]:
        """Within each block, the n-th call of the one label and the n-th of the other."""
        return paired(self.blocks(axis, before), self.blocks(axis, after))


def grouped(calls: Iterable[Observation], by: Callable[[Observation], K]) -> Groups[K]:
    """The calls by what they have in common, each group in their order."""
    groups = defaultdict[K, list[Observation]](list)
    for call in calls:
        groups[by(call)].append(call)
    return dict(groups)


def paired(first: Groups[K], second: Groups[K]) -> list[tuple[Observation, Observation]]:
    """The n-th call of each group with the n-th of the same group among others."""
    return [
        pair
        for group, calls in first.items()
        for pair in zip(calls, second.get(group, ()), strict=False)
    ]


PERIOD_S = 0.010


@dataclass(slots=True)
class Watched:
    """What the measuring machine itself added during a block, on the wall clock."""

    block: str
    lateness_s: list[Seconds] = field(default_factory=list)
    """How late the loop woke, each time it was asked to after ten milliseconds."""
    cpu_s: Seconds = 0.0
    calls: Count = 0


@asynccontextmanager
async def watched_loop(block: str) -> AsyncIterator[Watched]:
    """Watch the running loop while a block is run."""
    watched = Watched(block)
    if isinstance(asyncio.get_running_loop(), SimLoop):
        yield watched
        return
    cpu_before_s = cpu_time_s()
    watcher = asyncio.create_task(_watch(watched))
    try:
        yield watched
    finally:
        watcher.cancel()
        watched.cpu_s = cpu_time_s() - cpu_before_s


async def _watch(watched: Watched) -> None:
    time = asyncio.get_running_loop().time
    while True:
        asked_at = time()
        await asyncio.sleep(PERIOD_S)
        watched.lateness_s.append(max(0.0, elapsed_s(asked_at, time()) - PERIOD_S))
