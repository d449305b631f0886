"""Load: what happens to a call when others are under way, in a closed loop and an open one.

A sequential agent is a closed loop: it sends its next call when the last has ended, so a slow
endpoint is asked less. Users who arrive are an open loop: they come whether or not others have been
served, and a stall meets all of them. Only the open loop shows a queue that grows.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labtools.clock import elapsed_s
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import (
    Axis,
    Compared,
    Comparison,
    e2e_latency_s,
    spread,
    stat_of,
    tpot_s,
    ttft_s,
    values_of,
)
from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import Block, Call
from labtools.evaluation.prompts import fresh
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Part, Stat, median
from labtools.model.metrics import goodput_per_s
from labtools.plots.canvas import DECODE, LabFigure
from labtools.plots.evaluation import by_clients
from labtools.wording import count, duration

if TYPE_CHECKING:
    from labtools.evaluation.report import Report

INPUT_TOKENS = 1_000
# A call that takes this much longer than a lone one has been slowed.
SLOWED = 1.2


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    """A block for each number of clients, and one of arrivals at random."""
    closed = [_clients(settings, abilities.limit, clients) for clients in settings.concurrency]
    return [*closed, *_arrivals(settings, abilities.limit)]


def _warm_up(settings: Settings, abilities: Abilities) -> list[Block]:
    """As many short calls at once as the largest crowd: each opens a connection."""
    prompts = (
        fresh(200, f"{settings.seed}/warm_up/{lane}")
        for lane in range(max(settings.concurrency, default=1))
    )
    lanes = tuple(
        (Call(Label.WARM_UP, {"messages": prompt, abilities.limit: 2}),) for prompt in prompts
    )
    return [Block("warm_up/connections", AxisName.WARM_UP, lanes)]


def _clients(settings: Settings, limit: str, clients: int) -> Block:
    name = f"concurrency/{clients}"
    return Block(
        name,
        AxisName.CONCURRENCY,
        tuple(
            tuple(
                call(settings, limit, f"{name}/{client}/{number}", clients=clients)
                for number in range(settings.calls_per_client)
            )
            for client in range(clients)
        ),
    )


def _arrivals(settings: Settings, limit: str) -> list[Block]:
    if not settings.open_loop_calls:
        return []
    rng = random.Random(f"{settings.seed}/arrivals")
    rate = settings.request_rate_per_s
    lanes, arrives_at = [], 0.0
    for number in range(settings.open_loop_calls):
        seed = f"open_loop/{number}"
        lanes.append((call(settings, limit, seed, arrives_at, request_rate_per_s=rate),))
        arrives_at += rng.expovariate(rate)
    return [Block("open_loop", AxisName.OPEN_LOOP, tuple(lanes))]


def call(settings: Settings, limit: str, seed: str, wait_s: float = 0.0, **at: float) -> Call:
    """One call of any of these loops; it alone, without the plan, for a loop without an end."""
    messages = fresh(INPUT_TOKENS, f"{settings.seed}/{seed}")
    return Call(Label.CALL, {"messages": messages, limit: settings.output_tokens}, wait_s, at)


@dataclass(frozen=True, slots=True)
class Load(Part):
    """Calls under way together."""

    clients: int | None
    """Closed loop: each client sends its next call when its last has ended."""
    request_rate_per_s: float | None
    """Open loop: calls arrive at random at this rate, whether or not others have ended."""
    calls: int
    failed: int
    ttft_s: Stat
    tpot_s: Stat
    e2e_latency_s: Stat
    output_tokens: float | None
    """Median of an answer's length."""
    wall_s: float | None
    """First call sent to last call ended."""
    output_tokens_per_s: float | None
    """Of all streams together."""
    goodput_per_s: float | None
    """Calls per second that ended well within the settings' `slo_s`. A failed call is a miss."""
    goodput_share: float | None
    """The share of all calls that did."""


def closed_loop(measured: Measured) -> tuple[Load, ...]:
    """A row for each number of clients, fewest first."""
    groups: dict[int, list[Observation]] = defaultdict(list)
    for one in measured.on(AxisName.CONCURRENCY):
        groups[int(one.at["clients"])].append(one)
    slo_s = measured.identity.settings.slo_s
    return tuple(_load(groups[clients], slo_s, clients=clients) for clients in sorted(groups))


def open_loop(measured: Measured) -> Load | None:
    """The calls that arrived at random; None when there were none."""
    calls = measured.on(AxisName.OPEN_LOOP)
    if not calls:
        return None
    rate = calls[0].at["request_rate_per_s"]
    return _load(calls, measured.identity.settings.slo_s, rate=rate)


def _load(
    calls: Sequence[Observation],
    slo_s: float,
    clients: int | None = None,
    rate: float | None = None,
) -> Load:
    records = [one.record for one in calls]
    alone = clients == 1
    latencies_s = [record.e2e_latency_s for record in records]
    lengths = [one.output_tokens for one in calls]
    wall_s = elapsed_s(min(r.sent_at for r in records), max(r.ended_at for r in records))
    # Refused connections take no time on the simulated clock; a rate over no time is none.
    goodput = goodput_per_s(latencies_s, slo_s, wall_s) if wall_s > 0 else None
    met = sum(latency_s is not None and latency_s <= slo_s for latency_s in latencies_s)
    return Load(
        clients=clients,
        request_rate_per_s=rate,
        calls=len(calls),
        failed=sum(one.failed for one in calls),
        ttft_s=stat_of(calls, ttft_s, independent=alone),
        tpot_s=stat_of(calls, tpot_s, independent=alone),
        e2e_latency_s=stat_of(calls, e2e_latency_s, independent=alone),
        output_tokens=median(lengths),
        wall_s=wall_s,
        output_tokens_per_s=sum(n or 0 for n in lengths) / wall_s if wall_s > 0 else None,
        goodput_per_s=goodput,
        goodput_share=met / len(calls),
    )


def parallel_calls(report: Report) -> str | None:
    """How many calls at once it takes before a call is slowed."""
    rows = [row for row in report.closed_loop if row.e2e_latency_s.p50]
    if len(rows) < 2 or rows[0].clients != 1:
        return None
    latencies_s = [row.e2e_latency_s.p50.value for row in rows if row.e2e_latency_s.p50]
    lone_s = latencies_s[0]
    few = rows[0].e2e_latency_s.p50
    caution = ""
    if few and few.needed:
        caution = (
            f" These are medians; an interval for the lone call needs {few.needed} samples and has "
            f"{rows[0].e2e_latency_s.samples}."
        )
    for row, latency_s in zip(rows[1:], latencies_s[1:], strict=True):
        if latency_s >= SLOWED * lone_s:
            return (
                f"A call is first slowed by a fifth at {row.clients} calls at once, of the numbers "
                f"tried: {duration(latency_s)} against {duration(lone_s)} alone.{caution}"
            )
    return (
        f"Up to {rows[-1].clients} calls at once no call is slowed by a fifth: "
        f"{duration(latencies_s[-1])} against {duration(lone_s)} alone.{caution}"
    )


def goodput(report: Report) -> str | None:
    """Calls that missed their objective where others were under way."""
    missed = [
        row for row in report.loads if row.goodput_share is not None and row.goodput_share < 1
    ]
    if not missed:
        return None
    worst = min(missed, key=lambda row: row.goodput_share or 0.0)
    where = (
        f"{count(worst.clients, 'client')}"
        if worst.clients
        else f"{worst.request_rate_per_s:g} arrivals a second"
    )
    return (
        f"At {where} only {worst.goodput_share:.0%} of the calls ended well within "
        f"{duration(report.settings.slo_s)}."
    )


def _latency_figure(report: Report) -> LabFigure | None:
    rows = {
        row.clients: spread(row.e2e_latency_s.p50)
        for row in report.closed_loop
        if row.clients and row.e2e_latency_s.p50
    }
    if not rows:
        return None
    mark_s = SLOWED * rows[1][0] if 1 in rows else None
    return by_clients(rows, "end-to-end latency", mark_s=mark_s)


def _tpot_figure(report: Report) -> LabFigure | None:
    rows = {
        row.clients: spread(row.tpot_s.p50)
        for row in report.closed_loop
        if row.clients and row.tpot_s.p50
    }
    return by_clients(rows, "time per output token", colour=DECODE) if rows else None


def _stats(report: Report) -> Mapping[str, Stat]:
    return {f"{row.clients} at once": row.e2e_latency_s for row in report.closed_loop}


def _compared(all_measured: Sequence[Measured]) -> Iterator[Compared]:
    axis = AxisName.CONCURRENCY
    for n in values_of("clients", axis, all_measured):
        at, alone = ("clients", n), n == 1
        yield Compared(axis, f"a call, {n:.0f} at once", e2e_latency_s, at=at, independent=alone)
        yield Compared(
            axis, f"TPOT, {n:.0f} at once", tpot_s, at=at, counts_tokens=True, independent=alone
        )


_ARRIVING = Compared(
    AxisName.OPEN_LOOP, "a call, arriving at random", e2e_latency_s, independent=False
)
LOAD = Axis(
    blocks=_blocks,
    warm_up=_warm_up,
    summary=lambda measured, _: {
        "closed_loop": closed_loop(measured),
        "open_loop": open_loop(measured),
    },
    rules=[parallel_calls, goodput],
    stats=_stats,
    figures={"clients": _latency_figure, "tpot": _tpot_figure},
    section="load.html",
    comparisons=[
        Comparison(AxisName.CONCURRENCY, ("calls_per_client", "output_tokens"), _compared),
        Comparison(
            AxisName.OPEN_LOOP,
            ("open_loop_calls", "request_rate_per_s", "output_tokens"),
            lambda _: [_ARRIVING],
        ),
    ],
)
