"""`python -m labtools evaluate load ...`: one endpoint under many clients, or many arrivals.

What the processes of a run wrote is read back as one measurement, and said in words.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from labtools.clock import monotonic_s, unix_time_s
from labtools.errors import NothingMeasured
from labtools.evaluation.abilities import find_abilities
from labtools.evaluation.axes.load import Load, closed_loop, open_loop
from labtools.evaluation.candidates import USUAL, Candidate
from labtools.evaluation.load_test import (
    LoadPlan,
    Process,
    commands_for_machines,
    require_locust,
    run_locust,
)
from labtools.evaluation.observations import Identity, Measured, Observation, Watched
from labtools.evaluation.outcome import failures, kind_of, overhead
from labtools.evaluation.plan import Call
from labtools.evaluation.results_folder import read_call, read_kinds, read_overhead
from labtools.files import unusable_line
from labtools.lab.budget import Budget
from labtools.lab.stopwatch import timed_call
from labtools.model.metrics import percentile
from labtools.plots.intervals import spread_words
from labtools.progress import Progress
from labtools.read_back import read_back
from labtools.records import CallRecord
from labtools.wording import duration

# Fields of the plan whose option is not called as they are.
_NAMES = {"request_rate_per_s": "--request-rate", "run_time_s": "--run-time"}
_NUMBERS = [field for field in fields(LoadPlan) if str(field.type).startswith(("int", "float"))]
EPILOG = """\
Runs on Locust. Every call is a line of OUT/NAME/load-*.jsonl from the moment it ends. --users alone
is a closed loop: each sends its next call when its last has ended. --request-rate is an open one:
calls are sent at random instants, whether or not others have ended; --users then spread them over
processes.
"""


def add_load_command(actions: Any) -> None:
    """The action `load` and its options, for `evaluate`."""
    parser = actions.add_parser(
        "load",
        help="load one endpoint, from several processes or machines",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base-url", metavar="URL", help='or "mock" for the course\'s own')
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--name", metavar="NAME", help="the folder of the results")
    parser.add_argument("--out", default="results", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument(
        "--key-from",
        metavar="VARIABLE",
        help=f"the environment variable with the key (default: {USUAL})",
    )
    for field in _NUMBERS:
        parser.add_argument(
            _NAMES.get(field.name, f"--{field.name.replace('_', '-')}"),
            dest=field.name,
            type=int if field.type == "int" else float,
            default=field.default,
            metavar="S" if field.name.endswith("_s") and "per" not in field.name else "N",
            help="default: %(default)s" if field.default else "calls a second, open loop",
        )
    parser.add_argument("--read", metavar="FOLDER", help="say again what a run came to")
    parser.add_argument("--run-label", default="*", metavar="RUN", help="which run of the folder")
    parser.set_defaults(command=_load)


def _load(options: argparse.Namespace) -> None:
    if options.read:
        print(read_load(Path(options.read), options.run_label, slo_s=options.slo_s))
        return
    given = (options.name or "", options.base_url or "", options.model or "")
    numbers = {field.name: getattr(options, field.name) for field in _NUMBERS}
    run_load(Candidate(*given, options.key_from), Path(options.out), **numbers)


def run_load(
    candidate: Candidate, out: Path, *, progress: bool = True, **numbers: Any
) -> LoadResults:
    """Load one endpoint into OUT/NAME, print what came of it, and return it.

    `numbers` are the rest of `LoadPlan`. Interrupted, it prints what ended until then, and raises
    KeyboardInterrupt on.

    Raises ConfigurationError for what cannot run (no Locust, no address), EndpointUnusable for an
    endpoint that does not stream, BudgetExceeded when the budget does not hold the first calls,
    NothingMeasured when no call ended.
    """
    require_locust()
    is_mock, model = candidate.base_url == "mock", candidate.model
    # Refused before anything is sent; where the mock is going to be, nobody knows yet.
    plan = LoadPlan("http://mock" if is_mock else candidate.base_url, model, **numbers)
    folder = out / candidate.name
    with candidate.connect(Budget(plan.max_requests, plan.max_tokens)) as lab:

        async def send(call: Call) -> CallRecord:
            return await timed_call(lab.client, model=model, **call.request)

        abilities = lab.run(find_abilities(send, plan.seed)).result
        plan = replace(
            plan,
            base_url=str(lab.client.base_url).rstrip("/"),
            limit=abilities.limit,
            usage=abilities.usage,
            max_requests=max(0, plan.max_requests - lab.meter.requests),
            max_tokens=max(0, plan.max_tokens - lab.meter.spent.total),
        )
        folder.mkdir(parents=True, exist_ok=True)
        run = f"{unix_time_s():.0f}"
        print(
            f"At most {plan.max_requests:,} requests and {plan.max_tokens:,} tokens in "
            f"{plan.run_time_s} s. Records: {folder}/load-{run}-*.jsonl"
        )
        notes: list[str] = []
        shown = Progress(monotonic_s(), progress)
        try:
            notes = run_locust(
                plan,
                folder,
                run,
                lab.client.api_key,
                lambda: shown.say(f"Load of {plan.run_time_s} s", monotonic_s()),
            )
        except KeyboardInterrupt:
            print("Interrupted. What ended until then:")
            print(read_load(folder, run, plan.users, plan.slo_s))
            raise
        finally:
            shown.end()
    print("\n".join(notes), end="\n" if notes else "")
    results = read_load(folder, run, plan.users, plan.slo_s)
    print(results)
    if not is_mock:  # That ends with this run: no other machine would find it.
        print(f"\n{commands_for_machines(plan, folder)}")
    return results


@dataclass(frozen=True, slots=True)
class LoadResults:
    """One run's records, of all processes that took part."""

    measured: Measured
    """On one clock; each process is a block, each of its users a lane."""
    load: Load
    processes: int

    def __str__(self) -> str:
        return "\n".join(_lines(self))


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
        folder.name, head.endpoint, head.model, "wall", head.labtools_version, settings
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
