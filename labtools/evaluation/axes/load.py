"""Load: what happens to a call when others are under way, in a closed loop and an open one.

A sequential agent is a closed loop: it sends its next call when the last has ended, so a slow
endpoint is asked less. Users who arrive are an open loop: they come whether or not others have been
served, and a stall meets all of them. Only the open loop shows a queue that grows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labtools.clock import elapsed_s
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import E2E_LATENCY, TPOT, Axis, Compared, Pairing, latencies
from labtools.evaluation.figures import SLOWED, latency_by_clients, tpot_by_clients
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.plan import AxisName, Block, Call, Label, unseen_prompt
from labtools.evaluation.settings import Settings
from labtools.evaluation.statistics import Part, Stat, median
from labtools.wording import count, duration

if TYPE_CHECKING:
    from labtools.evaluation.report import Report


INPUT_TOKENS = 1_000


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    closed = [_clients(settings, abilities.limit, clients) for clients in settings.concurrency]
    return [*closed, *_arrivals(settings, abilities.limit)]


def _warm_up(settings: Settings, abilities: Abilities) -> list[Block]:
    """As many short calls at once as the largest crowd: each opens a connection."""
    seeds = (
        f"{settings.seed}/warm_up/{lane}" for lane in range(max(settings.concurrency, default=1))
    )
    requests = ({"messages": unseen_prompt(200, seed), abilities.limit: 2} for seed in seeds)
    lanes = tuple((Call(Label.WARM_UP, request),) for request in requests)
    return [Block("warm_up/connections", AxisName.WARM_UP, lanes)]


def _clients(settings: Settings, limit: str, clients: int) -> Block:
    name = f"concurrency/{clients}"
    lanes = tuple(
        tuple(
            call(settings, limit, f"{name}/{client}/{number}", clients=clients)
            for number in range(settings.calls_per_client)
        )
        for client in range(clients)
    )
    return Block(name, AxisName.CONCURRENCY, lanes)


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
    messages = unseen_prompt(INPUT_TOKENS, f"{settings.seed}/{seed}")
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
    slo_s = measured.identity.settings.slo_s
    crowds = measured.by(AxisName.CONCURRENCY, "clients")
    return tuple(_load(calls, slo_s, clients=int(clients)) for clients, calls in crowds.items())


def open_loop(measured: Measured) -> Load | None:
    """The calls that arrived at random; None when there were none."""
    calls = measured.on(AxisName.OPEN_LOOP)
    if not calls:
        return None
    rate_per_s = calls[0].at["request_rate_per_s"]
    return _load(calls, measured.identity.settings.slo_s, rate_per_s=rate_per_s)


def _load(
    calls: Sequence[Observation],
    slo_s: float,
    clients: int | None = None,
    rate_per_s: float | None = None,
) -> Load:
    started_at = min(call.record.sent_at for call in calls)
    wall_s = elapsed_s(started_at, max(call.record.ended_at for call in calls))
    lengths = [call.output_tokens for call in calls]
    met = sum(call.e2e_latency_s is not None and call.e2e_latency_s <= slo_s for call in calls)

    def per_s(amount: float) -> float | None:
        # Refused connections take no time on the simulated clock; a rate over no time is none.
        return amount / wall_s if wall_s > 0 else None

    return Load(
        clients=clients,
        request_rate_per_s=rate_per_s,
        calls=len(calls),
        failed=sum(call.failed for call in calls),
        **latencies(calls, independent=clients == 1),
        output_tokens=median(lengths),
        wall_s=wall_s,
        output_tokens_per_s=per_s(sum(length or 0 for length in lengths)),
        goodput_per_s=per_s(met),
        goodput_share=met / len(calls),
    )


def parallel_calls(report: Report) -> str | None:
    """How many calls at once it takes before a call is slowed."""
    rows = [
        (row.clients, row.e2e_latency_s.p50) for row in report.closed_loop if row.e2e_latency_s.p50
    ]
    if len(rows) < 2 or rows[0][0] != 1:
        return None
    (_, lone), *crowds = rows
    slowed = [crowd for crowd in crowds if crowd[1].value >= SLOWED * lone.value]
    clients, found = slowed[0] if slowed else crowds[-1]
    if slowed:
        what = f"A call is first slowed by a fifth at {clients} calls at once, of the numbers tried"
    else:
        what = f"Up to {clients} calls at once no call is slowed by a fifth"
    caution = ""
    if lone.needed:
        caution = (
            f" These are medians; an interval for the lone call needs {lone.needed} samples and "
            f"has {report.closed_loop[0].e2e_latency_s.samples}."
        )
    return f"{what}: {duration(found.value)} against {duration(lone.value)} alone.{caution}"


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


LOAD = Axis(
    blocks=_blocks,
    warm_up=_warm_up,
    summary=lambda measured, _: {
        "closed_loop": closed_loop(measured),
        "open_loop": open_loop(measured),
    },
    rules=[parallel_calls, goodput],
    stats=lambda report: {
        f"{row.clients} at once": row.e2e_latency_s for row in report.closed_loop
    },
    figures={"clients": latency_by_clients, "tpot": tpot_by_clients},
    section="load.html",
    made_for={AxisName.CONCURRENCY: "clients", AxisName.OPEN_LOOP: "request_rate_per_s"},
    pairings=[
        Pairing(
            AxisName.CONCURRENCY,
            ("calls_per_client", "output_tokens"),
            [
                Compared("a call with {:.0f} at once", E2E_LATENCY),
                Compared("TPOT with {:.0f} at once", TPOT),
            ],
            for_each="clients",
            side_by_side=True,
        ),
        Pairing(
            AxisName.OPEN_LOOP,
            ("open_loop_calls", "request_rate_per_s", "output_tokens"),
            [Compared("a call arriving at random", E2E_LATENCY)],
            side_by_side=True,
        ),
    ],
)
