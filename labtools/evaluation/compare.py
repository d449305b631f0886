"""Two evaluations or more, side by side: each endpoint against the first, call by call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from labtools.errors import ConfigurationError
from labtools.evaluation.axes import AXES
from labtools.evaluation.axes.axis import TPOT, Calls, Pairing, Value, stat_of
from labtools.evaluation.comparison import (
    FORMAT,
    Against,
    Comparison,
    Fact,
    Finding,
    NotCompared,
    Quantity,
    verdict,
)
from labtools.evaluation.observations import Measured, Observation, grouped, paired
from labtools.evaluation.outcome import readable
from labtools.evaluation.plan import AxisName
from labtools.evaluation.report import Report, command_line, summarise
from labtools.evaluation.settings import SETTING_NAMES, as_typed, differing
from labtools.evaluation.statistics import Difference, Stat, difference, median
from labtools.model.profile import Prices
from labtools.records import tokens_of
from labtools.wording import joined

# Answers that differ in length by more than this differ in latency for it.
LENGTH_TOLERANCE = 0.1


def compare(*measured: Measured, prices: Sequence[Prices] = ()) -> Comparison:
    """Each evaluation against the first.

    Calls are paired by their place in the plan, so each pair answered the same prompt. `prices` are
    those of each endpoint, in their order, and say what the chain costs there. Raises
    ConfigurationError for fewer than two, and where the seeds differ: then no prompt is the same.
    """
    if len(measured) < 2:
        raise ConfigurationError(
            f"A comparison needs two evaluations or more; found {len(measured)}. "
            "Name their folders: results/acme results/other."
        )
    seeds = {run.identity.name: run.identity.settings.seed for run in measured}
    if len({run.identity.settings.seed for run in measured}) > 1:
        raise ConfigurationError(
            f"The evaluations have different seeds ({seeds}), so no two calls had the same prompt, "
            "and none can be paired. Measure again with the same --seed."
        )
    reports = _unique([summarise(run) for run in measured])
    quantities: list[Quantity] = []
    left_out: list[NotCompared] = []
    for pairing in (pairing for axis in AXES for pairing in axis.pairings):
        if reason := _refusal(pairing, measured, reports):
            left_out.append(NotCompared(pairing.axis, reason))
            continue
        for value in pairing.values(measured):
            for compared in pairing.quantities:
                calls = [pairing.calls(run, compared, value) for run in measured]
                what = compared.what.format(value)
                if not any(calls):
                    continue
                if compared.value is TPOT and (reason := _tokens_differ(reports)):
                    left_out.append(NotCompared(what, reason))
                    continue
                independent = not pairing.side_by_side or value == 1
                quantities.append(_quantity(pairing.axis, what, compared.value, calls, independent))
    found = Comparison(
        format=FORMAT,
        endpoints=tuple(report.endpoint for report in reports),
        repeats=_repeats(measured, reports),
        warnings=tuple(_warnings(measured, reports)),
        facts=(*_facts(reports), *_costs(measured, prices)),
        quantities=tuple(quantities),
        not_compared=tuple(left_out),
    )
    return replace(found, verdict=verdict(found))


def _repeats(measured: Sequence[Measured], reports: Sequence[Report]) -> tuple[str, ...]:
    """One interleaved run, where the settings were the same; else each endpoint's own command."""
    if len({report.settings for report in reports}) > 1:
        return tuple(report.repeat for report in reports)
    named = [
        replace(run.identity, name=report.endpoint.name)
        for run, report in zip(measured, reports, strict=True)
    ]
    return (readable(command_line(*named), longest=2_000 * len(named)),)


def _unique(reports: Sequence[Report]) -> list[Report]:
    """Reports whose endpoints' names differ: a name that comes again gets a number."""
    taken: set[str] = set()
    renamed = []
    for report in reports:
        name, number = report.endpoint.name, 1
        while name in taken:
            number += 1
            name = f"{report.endpoint.name} ({number})"
        taken.add(name)
        renamed.append(replace(report, endpoint=replace(report.endpoint, name=name)))
    return renamed


def _refusal(
    pairing: Pairing, measured: Sequence[Measured], reports: Sequence[Report]
) -> str | None:
    """Why an axis is not compared, if it is not."""
    missing = [
        report.endpoint.name
        for report, run in zip(reports, measured, strict=True)
        if not run.on(pairing.axis)
    ]
    if missing:
        return f"Not measured at {joined(missing)}."
    if others := _differing(measured, pairing.settings):
        return f"The settings differ: {joined(others)}."
    if pairing.by_tools and len({r.abilities.tools for r in reports if r.abilities}) > 1:
        return "Some of the endpoints know tools and some do not, so they were asked differently."
    return None


def _differing(measured: Sequence[Measured], names: Sequence[str]) -> list[str]:
    found = differing([run.identity.settings for run in measured], names)
    return [f"{name} {' against '.join(map(as_typed, each))}" for name, each in found.items()]


def _warnings(measured: Sequence[Measured], reports: Sequence[Report]) -> list[str]:
    warnings = []
    named = [(report.endpoint.name, report) for report in reports]
    if len({run.identity.clock for run in measured}) > 1:
        clocks = joined(f"{name} on the {r.endpoint.clock} clock" for name, r in named)
        warnings.append(
            f"Unequal clocks: {clocks}. A simulated time is what a profile predicts, not what an "
            "endpoint did; the differences below are between a prediction and a measurement."
        )
    if others := _differing(measured, SETTING_NAMES):
        warnings.append(
            f"The settings differ: {joined(others)}. Only calls that all plans hold are paired."
        )
    versions = {report.endpoint.labtools_version for report in reports}
    if len(versions) > 1:
        warnings.append(
            f"Measured with different versions of labtools: {joined(sorted(versions))}."
        )
    if unfinished := [name for name, report in named if not report.completeness.complete]:
        warnings.append(f"Interrupted, so that calls are missing: {joined(unfinished)}.")
    if loose := [name for name, r in named if r.abilities and not r.abilities.obeys_limit]:
        warnings.append(
            f"Answers longer than asked for at {joined(loose)}: no fair end-to-end latency."
        )
    lengths = {name: r.closed_loop[0].output_tokens for name, r in named if r.closed_loop}
    known = [length for length in lengths.values() if length]
    if known and max(known) > (1 + LENGTH_TOLERANCE) * min(known):
        told = joined(f"{name} {n:.0f}" for name, n in lengths.items() if n)
        warnings.append(
            f"The answers differ in length (median tokens: {told}), and end-to-end latencies with "
            "them. TTFT and TPOT do not."
        )
    return warnings


def _tokens_differ(reports: Sequence[Report]) -> str | None:
    if len({report.tokens_counted_as for report in reports}) == 1:
        return None
    ways = joined(f"{report.endpoint.name}: {report.tokens_counted_as}" for report in reports)
    return f"Tokens are counted differently ({ways})."


def _quantity(
    axis: AxisName, what: str, value: Value, calls: Sequence[Calls], independent: bool
) -> Quantity:
    stats = [stat_of(group, value, independent=independent) for group in calls]
    against = []
    for other in calls[1:]:
        matched = [(value(b), value(a)) for a, b in pairs(calls[0], other)]
        against.append(_against(difference(matched), stats[0]))
    return Quantity(axis, what, tuple(stats), tuple(against), independent)


def _against(found: Difference, first: Stat) -> Against:
    base = first.p50.value if first.p50 else None

    def relative(seconds: float | None) -> float | None:
        return seconds / base if base and seconds is not None else None

    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    return Against(found, relative(found.median), relative(low), relative(high), _finding(found))


def _finding(found: Difference) -> Finding:
    if found.median is None:
        return "not measured"
    if found.interval is None:
        return "too few pairs"
    if not found.shown:
        return "no difference shown"
    return "slower" if found.interval.low > 0 else "faster"


def _facts(reports: Sequence[Report]) -> list[Fact]:
    facts = [
        Fact("inference in the chain", "s", tuple(r.chain.total_s for r in reports)),
        Fact("TTFT’s share of the chain", "share", tuple(r.chain.ttft_share for r in reports)),
        Fact(
            "failed calls",
            "calls",
            tuple(float(sum(failure.calls for failure in r.failures)) for r in reports),
        ),
    ]
    if len({report.settings.slo_s for report in reports}) == 1:
        met = [{row.clients: row.goodput_share for row in r.closed_loop} for r in reports]
        for clients in met[0]:
            values = tuple(shares.get(clients) for shares in met)
            facts.append(Fact(f"calls within the objective, {clients} at once", "share", values))
    return facts


def _costs(measured: Sequence[Measured], prices: Sequence[Prices]) -> list[Fact]:
    """The chain's cost at each endpoint: the median of the runs that ended well and told usage."""
    if not prices:
        return []
    usd = [
        median(
            tokens_of(call.record for call in calls).cost_usd(each)
            for calls in run.blocks(AxisName.CHAIN).values()
            if not any(call.failed or call.record.input_tokens is None for call in calls)
        )
        for run, each in zip(measured, prices, strict=True)
    ]
    return [Fact("cost of the chain, US dollars", "usd", tuple(usd))]


def pairs(
    first: Iterable[Observation], second: Iterable[Observation]
) -> list[tuple[Observation, Observation]]:
    """The calls that both made, in the plan's order.

    Where both endpoints know all forms of answer, those with the plan's own key. Where one lacks a
    form, its rounds are shorter, and the same place holds another call; the label is the same.
    """
    ours, theirs = (
        grouped(
            sorted(calls, key=lambda call: call.key),
            lambda call: (call.block, call.lane, call.label),
        )
        for calls in (first, second)
    )
    return paired(ours, theirs)
