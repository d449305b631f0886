"""Measuring: the plan's blocks on one endpoint or several, in a shuffled order, each kept at once.

With several endpoints, each block is run on all of them in turn before the next block: what drifts
meanwhile, the network or the hour, favours none.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import openai

from labtools.clock import elapsed_s, monotonic_s
from labtools.errors import EndpointUnreachable
from labtools.evaluation import axes
from labtools.evaluation.abilities import LONGEST_WAIT_S, Abilities, find_abilities, is_passing
from labtools.evaluation.observations import Identity, Measured, Observation, watched_loop
from labtools.evaluation.plan import AxisName, Block, Call
from labtools.evaluation.results_folder import ResultsFolder
from labtools.evaluation.settings import Settings
from labtools.lab.lab import Lab
from labtools.lab.stopwatch import timed_call
from labtools.progress import Progress
from labtools.records import CallError, CallRecord
from labtools.transport.arrivals import EXTENSION

ROUND_TRIPS = 10
# This many blocks in a row without any answer: the endpoint has gone.
SILENT_BLOCKS = 3


def evaluate(
    labs: Mapping[str, Lab], out: str | Path, settings: Settings, *, progress: bool | None = None
) -> dict[str, Measured]:
    """Measure each lab's endpoint into the folder OUT/NAME, and return what was measured.

    What a folder already holds of the same run is not measured again. `progress` says whether to
    show how far it is; left out, it does on a terminal and on the wall clock. Raises what `held`
    raises, EndpointUnusable for an endpoint that does not stream, EndpointUnreachable when one
    stops answering, BudgetExceeded at a lab's limit. Whatever is raised, every call that ended is
    kept, and the same command goes on from there.
    """
    with held(labs, out, settings) as sessions:
        return measure(sessions, progress)


@contextmanager
def held(labs: Mapping[str, Lab], out: str | Path, settings: Settings) -> Iterator[list[Session]]:
    """A session for each lab, its folder held for this run.

    Raises ConfigurationError, before anything is measured, when a folder holds another run, or
    another run is writing it.
    """
    sessions = [Session(name, lab, Path(out) / name, settings) for name, lab in labs.items()]
    with ExitStack() as folders:
        for session in sessions:
            folders.enter_context(session.folder.writing(session.identity()))
        yield sessions


def measure(sessions: Sequence[Session], progress: bool | None = None) -> dict[str, Measured]:
    """Measure what is left of the plan, at every endpoint in turn."""
    for session in sessions:
        session.prepare()
    order = _order(sessions)
    total, numbers = sum(len(block.calls) for _, block in order), count(1)
    if progress is None:
        progress = sys.stderr.isatty() or any(not session.simulated for session in sessions)
    shown = Progress(monotonic_s(), progress)

    def called(where: str) -> None:
        shown.say(f"{where}: {next(numbers)} of {total} calls", monotonic_s())

    try:
        for session, block in order:
            session.measure(block, partial(called, f"{session.name}, {block.axis}"))
    finally:
        shown.end()
    for session in sessions:
        session.finish()
    return {session.name: session.folder.read() for session in sessions}


def _order(sessions: Sequence[Session]) -> list[tuple[Session, Block]]:
    """What is still to be measured: blocks shuffled, and for each the endpoints shuffled."""
    rng = random.Random(f"{sessions[0].settings.seed}/order" if sessions else 0)
    left = {session: {block.name: block for block in session.left} for session in sessions}
    names = sorted({name for blocks in left.values() for name in blocks})
    rng.shuffle(names)
    return [
        (session, left[session][name])
        for name in names
        for session in rng.sample(list(left), len(left))
        if name in left[session]
    ]


class Session:
    """One endpoint being measured into its folder."""

    def __init__(self, name: str, lab: Lab, path: Path, settings: Settings) -> None:
        self.name = name
        self.folder = ResultsFolder(path)
        self._lab = lab
        self._model = lab.model_for("default")
        self.settings = settings
        self.left: list[Block] = []
        """What is to be measured, as soon as it is prepared."""
        self._abilities: Abilities | None = None
        self._attempts: dict[str, int] = {}
        self._unanswered: list[dict[str, Any]] = []
        self._not_before = 0.0
        """When the endpoint may be asked again, by its own word."""

    @property
    def simulated(self) -> bool:
        """Whether its clock is."""
        return self._lab.clock == "simulated"

    def identity(self) -> Identity:
        """What is measured here, and by what."""
        where = (self.name, self._lab.endpoint, self._model, self._lab.clock)
        return Identity(*where, version("labtools"), self.settings)

    def prepare(self) -> None:
        """Find out what the endpoint can do, unless that is known, and warm it up for the rest."""
        found = self.folder.read()
        self._abilities, self._attempts = found.abilities, dict(found.attempts)
        self._lab.run(self._prepare(already=len(found.round_trips_s)))
        assert self._abilities
        # Where calls are sent together, a refusal is a finding; a lone call was only not measured.
        refused = {
            call.block
            for call in found.observations
            if call.record.error and call.record.error.status and is_passing(call.record.error)
        }
        self.left = [
            block
            for block in axes.plan(self.settings, self._abilities)
            if block.name not in found.finished or (len(block.lanes) == 1 and block.name in refused)
        ]
        if self.left:
            for block in axes.warm_up(self.settings, self._abilities):
                self.measure(block, lambda: None)

    def measure(self, block: Block, on_call: Callable[[], object]) -> None:
        """Run one block, and keep it."""
        answered = self._lab.run(self._run(block, on_call)).result
        # Without any answer the endpoint may be gone. Whether these calls count as its failures or
        # are made again is known when it answers next.
        self._unanswered.append({"block": block.name, "attempt": self._attempts[block.name]})
        if answered:
            self.finish()
        elif len(self._unanswered) >= SILENT_BLOCKS:
            raise EndpointUnreachable(
                f"{self.name} ({self._lab.endpoint}) no longer answers. Everything measured so far "
                f"is in {self.folder.path}; the same command goes on from there."
            )

    def finish(self) -> None:
        """Let every block that was run count."""
        for line in self._unanswered:
            self.folder.append("finished", line)
        self._unanswered.clear()

    async def _prepare(self, already: int) -> None:
        for _ in range(already, ROUND_TRIPS):
            seconds = await _round_trip_s(self._lab.client, self._model, self.settings.timeout_s)
            if seconds is not None:
                self.folder.append("round_trip", {"seconds": seconds})
        if self._abilities is None or self._abilities.not_known:
            self._abilities = None
            numbers = iter(range(1000))

            async def send(call: Call) -> CallRecord:
                block = Block.single("abilities", AxisName.ABILITIES, call)
                return await self._call(block, call, 0, next(numbers))

            self._abilities = await find_abilities(send, self.settings.seed)
            self.folder.append("abilities", asdict(self._abilities))

    async def _run(self, block: Block, on_call: Callable[[], object]) -> bool:
        """All lanes of a block. Returns whether any of its calls was answered."""
        self._attempts[block.name] = self._attempts.get(block.name, 0) + 1
        records: list[CallRecord] = []
        level = asyncio.Barrier(len(block.lanes))

        async def walk(lane: int, calls: tuple[Call, ...]) -> None:
            try:
                for place, call in enumerate(calls):
                    await asyncio.sleep(call.wait_s)
                    if call.together:
                        await level.wait()
                    records.append(await self._call(block, call, lane, place))
                    on_call()
            except BaseException:
                await level.abort()  # nobody waits for a lane that does not come
                raise

        async with watched_loop(block.name) as watched:
            # At a budget's limit the calls under way still end, and are kept: they are paid for.
            ended = await asyncio.gather(
                *(walk(number, calls) for number, calls in enumerate(block.lanes)),
                return_exceptions=True,
            )
        for raised in sorted(filter(None, ended), key=_is_consequence):
            raise raised
        watched.calls = len(records)
        if watched.lateness_s:
            self.folder.append("overhead", asdict(watched))
        errors = [record.error for record in records]
        return any(not e or e.status or e.kind == "protocol" for e in errors)

    async def _call(self, block: Block, call: Call, lane: int, place: int) -> CallRecord:
        request = self._abilities.request(call) if self._abilities else dict(call.request)
        record = await self._timed({"timeout": self.settings.timeout_s, **request})
        if record.error and record.error.retry_after_s:
            wait_s = min(record.error.retry_after_s, LONGEST_WAIT_S)
            until = asyncio.get_running_loop().time() + wait_s
            self._not_before = max(self._not_before, until)
        attempt = self._attempts.get(block.name, 1)
        self.folder.add(
            Observation(
                block.axis, block.name, call.label, lane, place, record, dict(call.at), attempt
            )
        )
        return record

    async def _timed(self, request: dict[str, Any]) -> CallRecord:
        """One call, when the endpoint may be asked; a failure if it takes too long as a whole."""
        time, timeout_s = asyncio.get_running_loop().time, self.settings.timeout_s
        while (wait_s := elapsed_s(time(), self._not_before)) > 0:  # noqa: ASYNC110  a later refusal moves it
            await asyncio.sleep(wait_s)
        sent_at = time()
        try:
            async with asyncio.timeout(timeout_s):
                return await timed_call(self._lab.client, model=self._model, **request)
        except TimeoutError:
            error = CallError("timeout", f"the answer was not whole after {timeout_s:g} s")
            return CallRecord(self._model, sent_at, time(), error=error)


def _is_consequence(raised: BaseException) -> bool:
    return isinstance(raised, asyncio.BrokenBarrierError)


async def _round_trip_s(client: openai.AsyncOpenAI, model: str, timeout_s: float) -> float | None:
    """One exchange in which nothing is inferred, whatever its status. None if nobody answered."""
    try:
        async with asyncio.timeout(timeout_s):
            response = (await client.models.with_raw_response.retrieve(model)).http_response
    except openai.APIStatusError as refusal:
        response = refusal.response
    except (openai.APIConnectionError, TimeoutError):
        return None
    arrivals = response.extensions[EXTENSION]
    return elapsed_s(arrivals.sent_at, arrivals.ended_at)
