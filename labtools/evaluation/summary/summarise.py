"""From what was measured to what it amounts to."""

from __future__ import annotations

from dataclasses import replace

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.fitting.fit import Fit
from labtools.evaluation.observations import Measured
from labtools.evaluation.summary import conduct
from labtools.evaluation.summary.chain import chain
from labtools.evaluation.summary.contexts import contexts
from labtools.evaluation.summary.counting import counted_as
from labtools.evaluation.summary.interference import interference
from labtools.evaluation.summary.load import closed_loop, open_loop
from labtools.evaluation.summary.prefix import prefix
from labtools.evaluation.summary.repeat import command_line
from labtools.evaluation.summary.report import FORMAT, Endpoint, Fitted, Report
from labtools.evaluation.summary.statistics import stat
from labtools.evaluation.summary.structured import structured
from labtools.evaluation.summary.verdict import verdict
from labtools.model.profile import Prices


def summarise(measured: Measured, fit: Fit | None = None, prices: Prices | None = None) -> Report:
    """The report of one endpoint's evaluation, whole or interrupted.

    `fit` is the latency model fitted to it; `prices` turn its tokens into dollars.
    """
    identity = measured.identity
    by_length = contexts(measured)
    overhead, overhead_reason = conduct.overhead(measured)
    report = Report(
        format=FORMAT,
        endpoint=Endpoint(
            name=conduct.readable(identity.name),
            endpoint=conduct.readable(identity.endpoint),
            model=conduct.readable(identity.model),
            clock=identity.clock,
            labtools_version=identity.labtools_version,
        ),
        settings=identity.settings,
        repeat=conduct.readable(command_line(identity), longest=2_000),
        abilities=_readable(measured.abilities),
        tokens_counted_as=counted_as(one.record for one in measured.observations),
        completeness=conduct.completeness(measured),
        spent=conduct.spent(measured, prices),
        round_trip_s=stat(measured.round_trips_s),
        contexts=by_length,
        closed_loop=closed_loop(measured),
        open_loop=open_loop(measured),
        interference=interference(measured),
        prefix=prefix(measured, by_length.prefill_tokens_per_s),
        structured=structured(measured, by_length.prefill_tokens_per_s),
        chain=chain(measured),
        failures=conduct.failures(measured),
        overhead=overhead,
        overhead_reason=overhead_reason,
        lacks=conduct.lacks(measured.abilities),
        fit=Fitted(fit.parameters, fit.held_out) if fit else None,
    )
    return replace(report, verdict=verdict(report))


def _readable(abilities: Abilities | None) -> Abilities | None:
    if abilities is None:
        return None
    return replace(abilities, notes=tuple(map(conduct.readable, abilities.notes)))
