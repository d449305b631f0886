"""How the run went: what failed, what the endpoint lacks, what was spent, what is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from labtools.evaluation import probes
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.labels import AxisName
from labtools.evaluation.observations import Measured
from labtools.evaluation.summary.report import (
    Completeness,
    Failure,
    Lack,
    Overhead,
    Spent,
    Unfinished,
)
from labtools.model.metrics import percentile
from labtools.model.profile import Prices
from labtools.records import CallError

LONGEST_MESSAGE = 300

_LACKS: Mapping[str, tuple[str, str]] = {
    "usage": (
        "No usage in a stream.",
        "Tokens are counted as chunks, which may hold several, and money cannot be counted.",
    ),
    "cached_tokens": (
        "No cached_tokens in usage.",
        "Only TTFT tells whether a prefix was kept.",
    ),
    "tools": ("No tool calls.", "Tool calls were not measured; the chain's steps are plain text."),
    "json_schema": ("No answers by a JSON schema.", "They were not measured."),
    "obeys_limit": (
        "No limit on the answer that it obeys.",
        "Answers are longer than planned, so end-to-end latencies compare with no other endpoint.",
    ),
}


def failures(measured: Measured) -> tuple[Failure, ...]:
    """Failed calls by kind and status, the most frequent first.

    Where it never became known what the endpoint can do, those count that asked for it.
    """
    calls_made = [(one.axis, one.record) for one in measured.observations]
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
    return tuple(sorted(found, key=lambda one: (-one.calls, one.kind, one.status or 0)))


def lacks(abilities: Abilities | None) -> tuple[Lack, ...]:
    """What the endpoint cannot do."""
    if abilities is None:
        return ()
    missing = dict(_LACKS)
    if not abilities.usage:
        del missing["cached_tokens"]  # goes without saying
    return tuple(
        Lack(what, consequence)
        for name, (what, consequence) in missing.items()
        if not getattr(abilities, name)
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
        input_tokens=sum(record.input_tokens or 0 for record in measured.made),
        cached_tokens=sum(record.cached_tokens or 0 for record in measured.made),
        output_tokens=sum(record.output_tokens or 0 for record in measured.made),
        without_usage=untold,
        usd=measured.spent_usd(prices) if prices and not reason else None,
        usd_reason=reason,
    )


def completeness(measured: Measured) -> Completeness:
    """The plan's blocks against the finished ones."""
    if measured.abilities is None:
        return Completeness(0, None, ())
    planned: Counter[str] = Counter()
    finished: Counter[str] = Counter()
    for block in probes.plan(measured.identity.settings, measured.abilities):
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
    lateness_s = [late for one in measured.overheads for late in one.lateness_s]
    if not lateness_s:
        return None, "It was not measured."
    calls = sum(one.calls for one in measured.overheads)
    return Overhead(
        samples=len(lateness_s),
        lateness_p50_s=percentile(lateness_s, 0.5),
        lateness_p95_s=percentile(lateness_s, 0.95),
        lateness_max_s=max(lateness_s),
        cpu_s_per_call=sum(one.cpu_s for one in measured.overheads) / calls if calls else None,
    ), None


def readable(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Text from outside, short, on one line, and such that every file can hold it."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"
