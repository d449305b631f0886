"""What an endpoint keeps of a prompt: what it says of it, against what TTFT says.

Of a prompt's TTFT only the prefill can be saved. The slope of TTFT over the context tells how long
that takes, so a saving can be read as a share of it and held against the share of the tokens that
the endpoint reports as cached.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.observations import Measured, Observation
from labtools.evaluation.probes.prefix import APPENDED_TOKENS
from labtools.evaluation.summary.axes import Prefix, Reuse, Rung, Saving
from labtools.evaluation.summary.counting import cached_share
from labtools.evaluation.summary.parts import Difference
from labtools.evaluation.summary.statistics import median, median_of, stat
from labtools.records import CallRecord

# A saving below this share of the prefill time is none that an agent would notice.
NOTICEABLE_SHARE = 0.1
REUSES = (Label.REPEAT, Label.APPEND, Label.CHANGED_FIRST)

Pair = tuple[Observation, Observation]


def prefix(measured: Measured, prefill_tokens_per_s: float | None) -> Prefix:
    """Each way of coming back against the first time, and the ladder."""
    settings = measured.identity.settings
    cold = measured.on(AxisName.PREFIX, Label.COLD)
    rows = []
    for label in REUSES:
        pairs = list(_pairs(measured, Label.COLD, label))
        rows.append(_reuse(label, pairs, settings.prefix_tokens, prefill_tokens_per_s))
    waited = list(_pairs(measured, Label.BEFORE_PAUSE, Label.AFTER_PAUSE))
    rows.append(_reuse(Label.AFTER_PAUSE, waited, settings.prefix_tokens, prefill_tokens_per_s))
    measured_rows = tuple(row for row in rows if row.ttft_s.samples or row.ttft_s.failed)
    ladder = tuple(
        Rung(int(one.at["shared"]), one.record.cached_tokens, _ttft_s(one.record))
        for one in measured.on(AxisName.PREFIX, Label.SHARED)
    )
    return Prefix(
        prompt_tokens=settings.prefix_tokens,
        pause_s=settings.pause_s,
        cold_ttft_s=stat((_ttft_s(one.record) for one in cold), _failed(cold)),
        reuses=measured_rows,
        ladder=tuple(sorted(ladder, key=lambda rung: rung.shared_tokens)),
        reason=None if measured_rows else "Not measured.",
    )


def _pairs(measured: Measured, before: Label, after: Label) -> Iterable[Pair]:
    """Within each block: the first call with the one label and the first with the other, ..."""
    calls = [one for one in measured.on(AxisName.PREFIX) if one.label in (before, after)]
    for _, block in groupby(calls, key=lambda one: one.block):
        members = list(block)
        first = [one for one in members if one.label == before]
        again = [one for one in members if one.label == after]
        yield from zip(first, again, strict=False)


def _reuse(
    label: Label, pairs: list[Pair], prompt_tokens: int, prefill_tokens_per_s: float | None
) -> Reuse:
    again = [second for _, second in pairs]
    saved, shares = [], []
    for first, second in pairs:
        before_s, after_s = _ttft_s(first.record), _ttft_s(second.record)
        if before_s is None or after_s is None:
            continue
        length = second.record.input_tokens or prompt_tokens + _added(label)
        added = length - (first.record.input_tokens or prompt_tokens)
        slope_s = 1 / prefill_tokens_per_s if prefill_tokens_per_s else 0.0
        saved.append(before_s + added * slope_s - after_s)
        if slope_s:
            shares.append(saved[-1] / (length * slope_s))
    dropped = len(pairs) - len(saved)
    share = median_of(shares, dropped) if shares else None
    reported = median(cached_share(one.record) for one in again)
    return Reuse(
        label=label,
        ttft_s=stat((_ttft_s(one.record) for one in again), _failed(again)),
        saved_s=median_of(saved, dropped),
        saved_share=share,
        cached_share=reported,
        verdict=_verdict(share, shares),
        disagreement=_disagreement(reported, share, shares),
    )


def _added(label: Label) -> int:
    return APPENDED_TOKENS if label == Label.APPEND else 0


def _range(share: Difference, shares: list[float]) -> tuple[float, float]:
    """The median's interval; of too few pairs, all of them."""
    if share.interval:
        return share.interval.low, share.interval.high
    return min(shares), max(shares)


def _verdict(share: Difference | None, shares: list[float]) -> Saving:
    if share is None:
        return "unknown"
    low, high = _range(share, shares)
    if low > NOTICEABLE_SHARE:
        return "saves"
    return "saves nothing" if high < NOTICEABLE_SHARE else "unclear"


def _disagreement(
    reported: float | None, share: Difference | None, shares: list[float]
) -> str | None:
    if reported is None or share is None or share.median is None:
        return None
    low, high = _range(share, shares)
    said = (
        f"{reported:.0%} of the tokens reported as cached, {share.median:.0%} of the prefill saved"
    )
    if reported - high > NOTICEABLE_SHARE:
        return f"reports more than it saves: {said}"
    if low - reported > NOTICEABLE_SHARE:
        return f"saves more than it reports: {said}"
    return None


def _ttft_s(record: CallRecord) -> float | None:
    return None if record.error else record.ttft_s


def _failed(calls: Iterable[Observation]) -> int:
    return sum(one.record.error is not None for one in calls)
