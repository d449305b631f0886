"""What the processes of a load test wrote, read back as one measurement, and said in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from labtools.errors import NothingMeasured
from labtools.evaluation.axes.load import Load, closed_loop, open_loop
from labtools.evaluation.observations import Identity, Measured, Observation, Watched
from labtools.evaluation.outcome import failures, kind_of, overhead
from labtools.evaluation.results_folder import read_call, read_kinds, read_overhead
from labtools.evaluation.settings import Settings
from labtools.files import unusable_line
from labtools.model.metrics import percentile
from labtools.plots.canvas import spread_words
from labtools.read_back import read_back
from labtools.records import CallRecord, Seconds
from labtools.wording import duration


@dataclass(frozen=True, slots=True)
class LoadResults:
    """One run's records, of all processes that took part."""

    measured: Measured
    """On one clock; each process is a block, each of its users a lane."""
    load: Load
    processes: int

    def __str__(self) -> str:
        return "\n".join(_lines(self))


@dataclass(frozen=True, slots=True)
class Process:
    """The first line of a process's file: what it measured, and on which clock."""

    endpoint: str
    model: str
    machine: str
    epoch_s: float
    arrivals_per_user_per_s: Seconds
    settings: Settings
    locust_version: str
    labtools_version: str


_KINDS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "process": partial(read_back, Process, where="a process"),
    "call": partial(read_call, planned=False),
    "overhead": read_overhead,
}


def read_load(folder: Path, run: str, users: int | None = None, slo_s: float = 2.0) -> LoadResults:
    """The run's records in FOLDER/load-RUN-*.jsonl. A torn last line is left out.

    `users` is how many there were; left out, those are counted that made a call. Raises
    NothingMeasured when there is no record, ConfigurationError for a file that is no such file.
    """
    heads: list[Process] = []
    calls: list[Observation] = []
    overheads: list[Watched] = []
    for path in sorted(folder.glob(f"load-{run}-*.jsonl")):
        later_s: float | None = None
        for number, kind, value in read_kinds(path, _KINDS):
            if kind == "process":
                heads.append(value)
                # Machines count their seconds from different instants.
                later_s = value.epoch_s - heads[0].epoch_s
            elif kind == "overhead":
                overheads.append(value)
            elif later_s is None:
                raise unusable_line(path, number, "a call stands before the line of its process")
            else:
                calls.append(replace(value, record=_moved(value.record, later_s)))
    if not calls:
        raise NothingMeasured(
            f"No call ended in this run: {folder}/load-{run}-*.jsonl hold none. "
            f"What Locust said is in {folder}/load-{run}.log."
        )
    head = heads[0]
    users = users or len({(call.block, call.lane) for call in calls})
    rate = head.arrivals_per_user_per_s * users
    at = {"request_rate_per_s": rate} if rate else {"clients": users}
    counted = tuple(
        replace(call, at={**call.at, **at}) for call in sorted(calls, key=lambda made: made.key)
    )
    settings = head.settings.but(slo_s=slo_s)
    identity = Identity(
        folder.name, head.endpoint, head.model, "wall", settings, head.labtools_version
    )
    made = tuple(call.record for call in counted)
    measured = Measured(identity, None, counted, tuple(overheads), made=made)
    load = open_loop(measured) or closed_loop(measured)[0]
    return LoadResults(measured, load, len(heads))


def _moved(record: CallRecord, later_s: float) -> CallRecord:
    first = record.first_output_at
    return replace(
        record,
        sent_at=record.sent_at + later_s,
        ended_at=record.ended_at + later_s,
        chunks_at=tuple(at + later_s for at in record.chunks_at),
        first_output_at=None if first is None else first + later_s,
    )


def _lines(results: LoadResults) -> Iterator[str]:
    measured, load, identity = results.measured, results.load, results.measured.identity
    who = (
        f"{load.clients} clients in a closed loop"
        if load.clients
        else f"{load.request_rate_per_s:.4g} calls a second in an open loop"
    )
    kinds = ", ".join(f"{failure.calls} {kind_of(failure)}" for failure in failures(measured))
    failed = f"failed: {kinds}" if kinds else "none failed"
    yield f"{identity.name} ({identity.model}): {who}, processes: {results.processes}"
    yield f"{load.calls} calls in {load.wall_s:.1f} s, {failed}"
    rows = {"TTFT": load.ttft_s, "TPOT": load.tpot_s, "end to end": load.e2e_latency_s}
    for name, stat in rows.items():
        if stat.p50 and stat.p95:
            p50, p95 = spread_words(stat.p50.spread), spread_words(stat.p95.spread)
            yield f"  {name:10} p50 {p50:30} p95 {p95}"
        else:
            yield f"  {name:10} {stat.reason}"
    yield (
        f"{load.output_tokens_per_s or 0:,.0f} output tokens a second; "
        f"{load.goodput_per_s or 0:.2f} calls a second within {identity.settings.slo_s:g} s, "
        f"{load.goodput_share:.0%} of all"
    )
    if not load.ttft_s.independent:
        yield "Calls side by side slow each other: an interval is of this run, not of the next."
    spent = measured.spent
    if spent.cached_tokens and spent.input_tokens:
        yield (
            f"{spent.cached_tokens / spent.input_tokens:.0%} of the input tokens came from the "
            "endpoint's cache. Every prompt of a run is new: take another --seed than the last "
            "time."
        )
    machine, _ = overhead(measured)
    if machine and machine.cpu_s_per_call is not None:
        yield (
            f"This side woke {duration(machine.lateness_p50_s)} late at p50 and "
            f"{duration(machine.lateness_p95_s)} at p95; {duration(machine.cpu_s_per_call)} of CPU "
            "a call. What it adds to a TTFT is of that size."
        )
    if late_s := [call.at["late_s"] for call in measured.observations if "late_s" in call.at]:
        yield f"Calls were sent {duration(percentile(late_s, 0.99))} after they were due at p99."
