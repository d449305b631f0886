"""Rules on how fast calls are: alone in a chain, and beside others."""

from __future__ import annotations

from labtools.evaluation.summary.report import Report
from labtools.wording import count, duration

# A call that takes this much longer than a lone one has been slowed.
SLOWED = 1.2
# A gap this many times the usual one is no jitter of a step.
TORN = 3
# A share of TTFT between these is neither one thing nor the other.
EVEN_SHARES = (0.45, 0.55)


def chain_total(report: Report) -> str | None:
    """How long the chain takes, and what dominates it."""
    chain, share = report.chain, report.chain.ttft_share
    if chain.total_s is None or share is None:
        return None
    totals = [run.total_s for run in chain.runs if run.total_s is not None]
    spread = ""
    if len(totals) > 1:
        spread = f", {duration(min(totals))} to {duration(max(totals))} in {len(totals)} runs"
    low, high = EVEN_SHARES
    if share > high:
        what = f"TTFT dominates: it is {share:.0%} of that"
    elif share < low:
        what = f"Decode dominates: TTFT is {share:.0%} of that"
    else:
        what = f"TTFT and decode weigh the same: TTFT is {share:.0%} of that"
    return (
        f"A chain of {count(len(chain.steps), 'step')} spends {duration(chain.total_s)} in "
        f"inference{spread}. {what}."
    )


def chain_broken(report: Report) -> str | None:
    """No run of the chain got to its end."""
    chain = report.chain
    if not chain.runs or chain.total_s is not None:
        return None
    best = max(chain.runs, key=lambda run: run.answered)
    return (
        "No run of the chain had an answer at every step, so its length is not known; "
        f"the best had {best.answered} of {best.steps}."
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
    loads = [*report.closed_loop, *([report.open_loop] if report.open_loop else [])]
    missed = [row for row in loads if row.goodput_share is not None and row.goodput_share < 1]
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


def interfered(report: Report) -> str | None:
    """Whether others' long prompts stop a running stream."""
    found = report.interference
    if not found.usual_gap_s or not found.longest_gap_s:
        return None
    gaps = (
        f"the longest gap between chunks is {duration(found.longest_gap_s)}, the usual one "
        f"{duration(found.usual_gap_s)}"
    )
    prompt = f"a prompt of {found.prompt_tokens:,} tokens"
    if found.longest_gap_s > TORN * found.usual_gap_s:
        return f"Beside {prompt} a running stream stops: {gaps}."
    return f"Beside {prompt} a running stream goes on: {gaps}."
