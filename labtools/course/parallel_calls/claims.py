"""Claims about calls that are sent together."""

from __future__ import annotations

import math

from labtools.coding_agent.essay import STEPS
from labtools.course.coding_agent.audit import READS
from labtools.course.ledger import Finding, about
from labtools.course.routing.essay_models import MAVERICK
from labtools.dispatch.fan_out import fan_out_speedup
from labtools.model.closed_loop import closed_loop
from labtools.model.named_profiles import FAST

READ_TOKENS = 130
"""At this length a call takes the essay's 0.8 s on its fast backend."""
SIGMA, PENALTY = 0.5, 0.1


def three_reads(*, reads: int, read_s: float, row_s: float, together_s: float) -> Finding:
    """Three calls one after another, and the longest of them."""
    found_s = [FAST.e2e_latency_s(READ_TOKENS)] * reads
    values = {"found_row_s": sum(found_s), "found_together_s": max(found_s)}
    holds = about(found_s[0], read_s) and about(sum(found_s), row_s)
    return Finding(values, holds and about(max(found_s), together_s))


def sum_to_max(*, reads: int) -> Finding:
    """How many times faster the same calls are at once, with jitter and with a shared batch."""
    alone_s = FAST.e2e_latency_s(READ_TOKENS)
    shared = closed_loop(FAST.but(batch_penalty=PENALTY), reads, READ_TOKENS).e2e_latency_s
    jittery, ideal = fan_out_speedup(reads, SIGMA), fan_out_speedup(reads, 0.0)
    values = {"jittery": jittery, "shared": reads * alone_s / shared, "sigma": SIGMA}
    return Finding(values, jittery >= reads, holds_if=math.isclose(ideal, reads))


def reads_are_parallel() -> Finding:
    """How many of the case study's look-ups may overlap: not the one that finds the paths."""
    look_ups = ("Locate file", *READS)
    assert set(look_ups) <= {step.name for step in STEPS}
    values = {"look_ups": len(look_ups), "overlap": len(READS)}
    return Finding(values, len(READS) == len(look_ups), holds_if=len(READS) > 1)


def candidates(*, candidates: int) -> Finding:
    """What candidates of the case study's fix cost, and what they take at once."""
    fix = next(step for step in STEPS if step.name == "Generate fix")
    one_usd = MAVERICK.prices.cost_usd(fix.input_tokens, 0, fix.output_tokens)
    shared_usd = MAVERICK.prices.cost_usd(fix.input_tokens, 0, candidates * fix.output_tokens)
    values = {"ratio": candidates * one_usd / one_usd, "shared": shared_usd / one_usd}
    return Finding({**values, "fix_s": fix.total_s}, about(values["ratio"], candidates))


def dependent_steps(*, guessed_right: float) -> Finding:
    """A read that does not wait for its path: sooner, and right as often as the guess."""
    locate_s, read_s = FAST.e2e_latency_s(40), FAST.e2e_latency_s(30)
    values = {"waiting_s": locate_s + read_s, "forced_s": max(locate_s, read_s)}
    return Finding({**values, "forced_right": guessed_right}, guessed_right < 1)
