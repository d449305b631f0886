"""Rules on how the run went, and on what it cannot say."""

from __future__ import annotations

from labtools.evaluation.summary.names import FORM_PHRASES, REUSE_PHRASES
from labtools.evaluation.summary.report import Failure, Report
from labtools.model.metrics import samples_needed
from labtools.wording import count, duration, joined

# Lateness of the measuring machine above this share of a TTFT blurs it.
BLURRING_SHARE = 0.1


def incomplete(report: Report) -> str | None:
    """The run was interrupted, or could not begin."""
    done = report.completeness
    if done.complete:
        return None
    if done.planned is None:
        failed_calls = sum(one.calls for one in report.failures)
        if failed_calls and failed_calls == report.spent.requests:
            most = report.failures[0]
            return (
                f"Nothing was measured: {failed_calls} of {count(failed_calls, 'call')} failed, "
                f"with {_kind(most)}: {most.message.rstrip('.')}."
            )
        return "The run was interrupted before the first probe: nothing is known yet."
    missing = joined(f"{one.axis} ({one.finished} of {one.planned})" for one in done.unfinished)
    return (
        f"The run was interrupted: {done.finished} of {done.planned} blocks are finished. "
        f"Not complete: {missing}. The same command goes on."
    )


def failed(report: Report) -> str | None:
    """What went wrong, by kind."""
    if not report.failures or report.completeness.planned is None:
        return None
    calls = sum(one.calls for one in report.failures)
    kinds = joined(f"{one.calls} × {_kind(one)}" for one in report.failures)
    limits = sum(one.calls for one in report.failures if one.status == 429)
    limited = f" {limits} of them met a rate limit." if limits else ""
    return f"{count(calls, 'call')} failed: {kinds}.{limited} Goodput counts each as a miss."


def _kind(failure: Failure) -> str:
    return f"{failure.kind}{f' {failure.status}' if failure.status is not None else ''}"


def lacking(report: Report) -> str | None:
    """What the endpoint cannot do at all."""
    if not report.lacks:
        return None
    told = " ".join(f"{one.what} {one.consequence}" for one in report.lacks)
    return f"The endpoint lacks something, which is not slowness. {told}"


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


def too_few(report: Report) -> str | None:
    """Where p95 has no interval."""
    stats = {
        **{f"TTFT at {row.asked_tokens:,} tokens": row.ttft_s for row in report.contexts.rows},
        **{f"{row.clients} at once": row.e2e_latency_s for row in report.closed_loop},
        **{FORM_PHRASES[row.form]: row.e2e_latency_s for row in report.structured.forms},
        **{REUSE_PHRASES[row.label]: row.ttft_s for row in report.prefix.reuses},
    }
    short = [name for name, one in stats.items() if one.p95 and one.p95.needed]
    if not short:
        return None
    enough = [name for name, one in stats.items() if one.p95 and one.p95.interval]
    but = f" Only these have one: {joined(enough)}." if enough else ""
    return (
        f"p95 has an interval from {samples_needed(0.95)} samples on, and "
        f"{count(len(short), 'group')} of {len(short) + len(enough)} had fewer: no p95 of theirs "
        f"can be held against another endpoint's.{but}"
    )


def prediction(report: Report) -> str | None:
    """How well the fitted profile predicts chains that it has not seen."""
    if report.fit is None or not report.fit.held_out:
        return None
    found = report.fit.held_out[0]
    return (
        f"The fitted profile predicts {count(found.chains, 'chain')} that it was not fitted to "
        f"with an error of {round(found.sum_error, 3) + 0.0:+.1%} in sum; a step's median error is "
        f"{found.median_step_error:.1%}."
    )
