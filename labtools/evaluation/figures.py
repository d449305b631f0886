"""The figures of a report; None where there is nothing to draw."""

from __future__ import annotations

from labtools.evaluation.summary.names import FORM_LABELS, REUSE_LABELS
from labtools.evaluation.summary.parts import Percentile
from labtools.evaluation.summary.report import Report
from labtools.evaluation.summary.rules_of_speed import SLOWED
from labtools.plots.canvas import DECODE, LabFigure
from labtools.plots.evaluation import (
    Spread,
    by_clients,
    chain_by_step,
    latency_by_form,
    ttft_after_edits,
    ttft_by_prompt,
)


def figures(report: Report) -> dict[str, LabFigure | None]:
    """The figures by the name of their place on the page."""
    return {
        "chain": _chain(report),
        "contexts": _contexts(report),
        "clients": _clients(report),
        "tpot": _tpot(report),
        "prefix": _prefix(report),
        "forms": _forms(report),
    }


def spread(percentile: Percentile) -> Spread:
    """A percentile as figures take it."""
    found = percentile.interval
    return percentile.value, (found.low, found.high) if found else None


def _chain(report: Report) -> LabFigure | None:
    steps = {
        step.step: (step.ttft_s, step.decode_s)
        for step in report.chain.steps
        if step.ttft_s is not None and step.decode_s is not None
    }
    return chain_by_step(steps) if steps else None


def _contexts(report: Report) -> LabFigure | None:
    rows = {
        row.input_tokens: (spread(row.ttft_s.p50), spread(row.ttft_s.p95))
        for row in report.contexts.rows
        if row.ttft_s.p50 and row.ttft_s.p95
    }
    return ttft_by_prompt(rows) if rows else None


def _clients(report: Report) -> LabFigure | None:
    rows = {
        row.clients: spread(row.e2e_latency_s.p50)
        for row in report.closed_loop
        if row.clients and row.e2e_latency_s.p50
    }
    if not rows:
        return None
    mark_s = SLOWED * rows[1][0] if 1 in rows else None
    return by_clients(rows, "end-to-end latency", mark_s=mark_s)


def _tpot(report: Report) -> LabFigure | None:
    rows = {
        row.clients: spread(row.tpot_s.p50)
        for row in report.closed_loop
        if row.clients and row.tpot_s.p50
    }
    return by_clients(rows, "time per output token", colour=DECODE) if rows else None


def _prefix(report: Report) -> LabFigure | None:
    stats = {"first time": report.prefix.cold_ttft_s}
    stats |= {REUSE_LABELS[row.label]: row.ttft_s for row in report.prefix.reuses}
    bars = {name: spread(one.p50) for name, one in stats.items() if one.p50}
    return ttft_after_edits(bars) if bars else None


def _forms(report: Report) -> LabFigure | None:
    rows = {
        FORM_LABELS[row.form]: (spread(row.e2e_latency_s.p50), spread(row.e2e_latency_s.p95))
        for row in report.structured.forms
        if row.e2e_latency_s.p50 and row.e2e_latency_s.p95
    }
    return latency_by_form(rows) if rows else None
