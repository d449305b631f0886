"""What happens to a call when others are under way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from labtools.clock import elapsed_s
from labtools.evaluation.labels import AxisName
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.summary.axes import Load
from labtools.evaluation.summary.counting import output_tokens, tpot_s
from labtools.evaluation.summary.statistics import median, stat
from labtools.model.metrics import goodput_per_s


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
    failed = sum(record.error is not None for record in records)
    alone = clients == 1
    latencies_s = [record.e2e_latency_s for record in records]
    lengths = [output_tokens(record) for record in records]
    wall_s = elapsed_s(min(r.sent_at for r in records), max(r.ended_at for r in records))
    # Refused connections take no time on the simulated clock; a rate over no time is none.
    goodput = goodput_per_s(latencies_s, slo_s, wall_s) if wall_s > 0 else None
    met = sum(latency_s is not None and latency_s <= slo_s for latency_s in latencies_s)
    return Load(
        clients=clients,
        request_rate_per_s=rate,
        calls=len(records),
        failed=failed,
        ttft_s=stat((None if r.error else r.ttft_s for r in records), failed, independent=alone),
        tpot_s=stat((tpot_s(record) for record in records), failed, independent=alone),
        e2e_latency_s=stat(latencies_s, failed, independent=alone),
        output_tokens=median(lengths),
        wall_s=wall_s,
        output_tokens_per_s=sum(n or 0 for n in lengths) / wall_s if wall_s > 0 else None,
        goodput_per_s=goodput,
        goodput_share=met / len(records),
    )
