"""Claims about sending steps to models of different size."""

from __future__ import annotations

from labtools.coding_agent.essay import ROUTES, STEPS
from labtools.course.coding_agent.audit import Changes, pass_s
from labtools.course.ledger import Finding, about
from labtools.course.routing.essay_models import MAVERICK, SCOUT
from labtools.course.routing.router_score import SECOND_PASS, always, by_type, labelled_steps, score
from labtools.course.routing.verifiers import assumed_verifiers, expected_outcomes
from labtools.model.metrics import amdahl_speedup

MATERIAL = 0.2
"""The smallest cut that the ledger calls material: a fifth."""
CALLS = tuple(step for step in STEPS if step.is_call)
SHORT = frozenset(step.name for step in CALLS if step.type == "tool_call")


def wall_clock(*, share: float, faster: float) -> Finding:
    """The case study with its short calls routed, and a task whose calls are all alike."""
    five = pass_s() / pass_s(Changes(routed=SHORT), routed_factor=faster)
    six = pass_s() / pass_s(Changes(routed=SHORT | {"Verify"}), routed_factor=faster)
    inference = sum(step.total_s for step in CALLS) / pass_s()
    alike = amdahl_speedup(inference, amdahl_speedup(share, faster))
    return Finding(
        {"five": five, "six": six, "alike": alike, "material": MATERIAL},
        1 - 1 / five >= MATERIAL,
        holds_if=1 - 1 / alike >= MATERIAL,
    )


def bill(*, share: float) -> Finding:
    """What the case study costs with its short calls on the small model."""
    before_usd, after_usd = (
        sum(
            (SCOUT if step.name in routed else MAVERICK).prices.cost_usd(
                step.input_tokens, 0, step.output_tokens
            )
            for step in CALLS
        )
        for routed in (frozenset[str](), SHORT)
    )
    cut = 1 - after_usd / before_usd
    is_that_share = about(len(SHORT) / len(CALLS), share)
    values = {"cut": cut, "routed": len(SHORT), "calls": len(CALLS)}
    return Finding(values, is_that_share and cut >= MATERIAL)


def _delivered_wrong() -> tuple[float, float]:
    """Wrong fixes that nobody is told of, with the big and with the small model as verifier."""
    assumed = assumed_verifiers()
    big, small = (
        expected_outcomes(assumed.by_model[model.name], assumed.wrong_fix_rate).wrong
        for model in (MAVERICK, SCOUT)
    )
    return big, small


def quality_untouched() -> Finding:
    """The wrong fixes that are delivered, with and without the small model at Verify."""
    big, small = _delivered_wrong()
    others_are_routed = ROUTES["plan"] == SCOUT.name or ROUTES["code_generation"] == SCOUT.name
    return Finding({"big": big, "small": small}, small <= big, holds_if=not others_are_routed)


def silent_failure() -> Finding:
    """The same, and the passes a task takes: what a dashboard shows."""
    assumed = assumed_verifiers()
    big, small = (
        expected_outcomes(assumed.by_model[model.name], assumed.wrong_fix_rate)
        for model in (MAVERICK, SCOUT)
    )
    values = {
        "big": big.wrong,
        "small": small.wrong,
        "big_passes": big.passes,
        "small_passes": small.passes,
    }
    return Finding(values, small.wrong > big.wrong and small.passes <= big.passes)


def learn_the_boundary() -> Finding:
    """The essay's own routing on the course's held-out steps, against no routing."""
    held_out = [step for step in labelled_steps() if step.held_out]
    small_types = {step_type for step_type, model in ROUTES.items() if model == SCOUT.name}
    essays = score(by_type(small_types), held_out, SCOUT, MAVERICK, SECOND_PASS)
    big = score(always("big"), held_out, SCOUT, MAVERICK, SECOND_PASS)
    values = {
        "steps": len(held_out),
        "failed": essays.confusion.wrongly_small,
        "essays_s": essays.total_s,
        "big_s": big.total_s,
    }
    return Finding(values, essays.total_s > big.total_s)
