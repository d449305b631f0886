"""The outcome of a run: what failed, what the endpoint lacks, what was spent, what is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes import plan
from labtools.evaluation.observations import Measured
from labtools.evaluation.plan import AxisName
from labtools.evaluation.statistics import Part
from labtools.model.metrics import percentile
from labtools.model.profile import Prices
from labtools.records import CallError
from labtools.wording import count, duration, joined

if TYPE_CHECKING:
    from labtools.evaluation.report import Report

LONGEST_MESSAGE = 300

_ASKED = {"tools": "tool calls", "json_schema": "answers by a JSON schema"}
# Lateness of the measuring machine above this share of a TTFT blurs it.
BLURRING_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Unfinished(Part):
    """An axis of which blocks are missing, because the run was interrupted."""

    axis: str
    finished: int
    planned: int


@dataclass(frozen=True, slots=True)
class Completeness(Part):
    """How much of the plan was measured, in blocks."""

    finished: int
    planned: int | None
    """Null: the run ended before it was known what the endpoint can do, and so what to send."""
    unfinished: tuple[Unfinished, ...]

    @property
    def complete(self) -> bool:
        return self.planned is not None and not self.unfinished


@dataclass(frozen=True, slots=True)
class Spent(Part):
    """What all calls took: warm-up, and attempts that were interrupted, included."""

    requests: int
    set_aside: int
    """Requests of interrupted attempts: paid for, and in no statistic."""
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    without_usage: int
    """Requests whose tokens the endpoint did not tell. They are missing from the sums."""
    usd: float | None
    usd_reason: str | None
    """Why there is no sum of dollars."""


@dataclass(frozen=True, slots=True)
class Failure(Part):
    """Calls that failed in the same way."""

    kind: str
    status: int | None
    calls: int
    axes: tuple[str, ...]
    message: str
    """The first one's, shortened."""
    longest_retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Overhead(Part):
    """What the measuring machine added."""

    samples: int
    lateness_p50_s: float
    """How late the loop woke. What arrives meanwhile is stamped that late at worst."""
    lateness_p95_s: float
    lateness_max_s: float
    cpu_s_per_call: float | None


@dataclass(frozen=True, slots=True)
class Lack(Part):
    """Something that the endpoint cannot do, which is another thing than doing it slowly."""

    what: str
    consequence: str


_LACKS: Mapping[str, Lack] = {
    "usage": Lack(
        "No usage in a stream.",
        "Tokens are counted as chunks, which may hold several, and money cannot be counted.",
    ),
    "cached_tokens": Lack(
        "No cached_tokens in usage.", "Only TTFT tells whether a prefix was kept."
    ),
    "tools": Lack(
        "No tool calls.", "Tool calls were not measured; the chain's steps are plain text."
    ),
    "json_schema": Lack("No answers by a JSON schema.", "They were not measured."),
    "obeys_limit": Lack(
        "No limit on the answer that it obeys.",
        "Answers are longer than planned, so end-to-end latencies compare with no other endpoint.",
    ),
}


def failures(measured: Measured) -> tuple[Failure, ...]:
    """Failed calls by kind and status, the most frequent first.

    Where it never became known what the endpoint can do, those count that asked for it.
    """
    calls_made = [(call.axis, call.record) for call in measured.observations]
    if measured.abilities is None:
        calls_made = [(AxisName.ABILITIES, record) for record in measured.made]
    groups: dict[tuple[str, int | None], list[tuple[AxisName, CallError]]] = defaultdict(list)
    for axis, record in calls_made:
        if record.error:
            groups[record.error.kind, record.error.status].append((axis, record.error))
    found = []
    for (kind, status), calls in groups.items():
        errors = [error for _, error in calls]
        waits = [error.retry_after_s for error in errors if error.retry_after_s is not None]
        found.append(
            Failure(
                kind=kind,
                status=status,
                calls=len(calls),
                axes=tuple(sorted({axis for axis, _ in calls})),
                message=readable(errors[0].message),
                longest_retry_after_s=max(waits, default=None),
            )
        )
    return tuple(
        sorted(found, key=lambda failure: (-failure.calls, failure.kind, failure.status or 0))
    )


def lacks(abilities: Abilities | None) -> tuple[Lack, ...]:
    """What the endpoint cannot do."""
    if abilities is None:
        return ()
    return tuple(
        lack
        for name, lack in _LACKS.items()
        if not getattr(abilities, name)
        and name not in abilities.not_known
        # Without usage that goes without saying.
        and (name != "cached_tokens" or abilities.usage)
    )


def spent(measured: Measured, prices: Prices | None) -> Spent:
    """What all calls took, as far as the endpoint told."""
    untold = sum(record.input_tokens is None for record in measured.made)
    reason = None
    if prices is None:
        reason = "Prices were not given."
    elif measured.made and untold == len(measured.made):
        reason = "The endpoint tells no usage."
    return Spent(
        requests=len(measured.made),
        set_aside=measured.set_aside,
        **asdict(measured.spent),
        without_usage=untold,
        usd=measured.spent.cost_usd(prices) if prices and not reason else None,
        usd_reason=reason,
    )


def completeness(measured: Measured) -> Completeness:
    """The plan's blocks against the finished ones."""
    if measured.abilities is None:
        return Completeness(0, None, ())
    planned: Counter[str] = Counter()
    finished: Counter[str] = Counter()
    for block in plan(measured.identity.settings, measured.abilities):
        planned[block.axis] += 1
        finished[block.axis] += block.name in measured.finished
    unfinished = (
        Unfinished(axis, finished[axis], planned[axis])
        for axis in planned
        if finished[axis] < planned[axis]
    )
    return Completeness(finished.total(), planned.total(), tuple(unfinished))


def overhead(measured: Measured) -> tuple[Overhead | None, str | None]:
    """What the measuring machine added, or why it is not said."""
    if measured.identity.clock == "simulated":
        return None, "The clock is simulated: the machine adds nothing to any time."
    lateness_s = [late for noted in measured.overheads for late in noted.lateness_s]
    if not lateness_s:
        return None, "It was not measured."
    calls = sum(noted.calls for noted in measured.overheads)
    return Overhead(
        samples=len(lateness_s),
        lateness_p50_s=percentile(lateness_s, 0.5),
        lateness_p95_s=percentile(lateness_s, 0.95),
        lateness_max_s=max(lateness_s),
        cpu_s_per_call=sum(noted.cpu_s for noted in measured.overheads) / calls if calls else None,
    ), None


def readable(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Text from outside, short, on one line, and such that every file can hold it."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def incomplete(report: Report) -> str | None:
    """The run was interrupted, or could not begin."""
    done = report.completeness
    if done.complete:
        return None
    if done.planned is None:
        failed_calls = sum(failure.calls for failure in report.failures)
        if failed_calls and failed_calls == report.spent.requests:
            most = report.failures[0]
            return (
                f"Nothing was measured: {failed_calls} of {count(failed_calls, 'call')} failed, "
                f"with {kind_of(most)}: {most.message.rstrip('.')}."
            )
        return "The run was interrupted before the first probe: nothing is known yet."
    missing = joined(f"{axis.axis} ({axis.finished} of {axis.planned})" for axis in done.unfinished)
    return (
        f"The run was interrupted: {done.finished} of {done.planned} blocks are finished. "
        f"Not complete: {missing}. The same command goes on."
    )


def failed(report: Report) -> str | None:
    """What went wrong, by kind."""
    if not report.failures or report.completeness.planned is None:
        return None
    calls = sum(failure.calls for failure in report.failures)
    kinds = joined(f"{failure.calls} × {kind_of(failure)}" for failure in report.failures)
    limits = sum(failure.calls for failure in report.failures if failure.status == 429)
    limited = f" {limits} of them met a rate limit." if limits else ""
    return f"{count(calls, 'call')} failed: {kinds}.{limited} Goodput counts each as a miss."


def kind_of(failure: Failure) -> str:
    """ "status 429", "timeout"."""
    return f"{failure.kind}{f' {failure.status}' if failure.status is not None else ''}"


def lacking(report: Report) -> str | None:
    """What the endpoint cannot do at all."""
    if not report.lacks:
        return None
    phrases = " ".join(f"{lack.what} {lack.consequence}" for lack in report.lacks)
    return f"The endpoint lacks something, which is not slowness. {phrases}"


def not_known(report: Report) -> str | None:
    """What the endpoint refused to be asked, which is no verdict on it."""
    names = report.abilities.not_known if report.abilities else ()
    if not names:
        return None
    phrases = joined(_ASKED[name] for name in names)
    return (
        f"Whether the endpoint can do {phrases} is not known: it refused to be asked, and that was "
        "not measured. The same command asks again."
    )


def blurred(report: Report) -> str | None:
    """The measuring machine was late by a share of what it measured."""
    ttfts_s = [row.ttft_s.p50.value for row in report.contexts.rows if row.ttft_s.p50]
    if report.overhead is None or not ttfts_s:
        return None
    late_s = report.overhead.lateness_p95_s
    if late_s <= BLURRING_SHARE * min(ttfts_s):
        return None
    return (
        f"The measuring machine itself woke {duration(late_s)} late at p95, which is more than a "
        f"tenth of the shortest TTFT, {duration(min(ttfts_s))}. Differences of that size mean "
        "nothing; measure from an idle machine."
    )
