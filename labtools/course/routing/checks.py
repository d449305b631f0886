"""The checks on routing: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labtools.coding_agent.essay import ROUTES, STEPS, EssayStep
from labtools.course.audit import CALLS, MAVERICK, SCOUT, Changes, pass_s
from labtools.course.ledger import Finding, about
from labtools.course.routing.router_score import (
    SECOND_PASS,
    RouterScore,
    StepRequest,
    always,
    best_length,
    by_length,
    by_type,
    labelled_steps,
    score,
)
from labtools.course.verdict import (
    Verdict,
    answer_of,
    check,
    close,
    expect,
    not_yet,
    number_from,
    right,
)
from labtools.course.verifiers import assumed_verifiers
from labtools.dispatch.routing import break_even_escalation, cascade_s
from labtools.model.metrics import amdahl_speedup


@check
def check_gain(gain: Callable[[Sequence[EssayStep], set[str], float], float]) -> Verdict:
    """`gain(steps, routed, factor)` is how many times faster the whole task becomes."""
    for routed, factor in (({"tool_call"}, 3.0), ({"tool_call", "verify"}, 3.0), ({"plan"}, 2.0)):
        chosen = [step for step in CALLS if step.type in routed]
        changes = Changes(routed=frozenset(step.name for step in chosen))
        before_s, after_s = pass_s(), pass_s(changes, routed_factor=factor)
        truth = before_s / after_s
        found = number_from(gain, STEPS, routed, factor)
        ran = (
            f", but the task takes {before_s:.2f} s without the router and {after_s:.2f} s with it"
        )
        inference_s = sum(step.total_s for step in CALLS)
        chosen_s = sum(step.total_s for step in chosen)
        seconds = ". Those are seconds. Give the old time over the new one."
        expect(
            found,
            truth,
            f"With {' and '.join(sorted(routed))} on a model {factor:g} times faster you say "
            f"{found:.2f} times",
            (
                amdahl_speedup(len(chosen) / len(CALLS), factor),
                f"{ran}. You weighed the calls by their number: {len(chosen)} of {len(CALLS)} "
                f"calls are {chosen_s / inference_s:.0%} of the inference.",
            ),
            (
                amdahl_speedup(len(chosen) / len(STEPS), factor),
                f"{ran}. You weighed the steps by their number.",
            ),
            (
                amdahl_speedup(chosen_s / inference_s, factor),
                f"{ran}. The tests belong to the task too.",
            ),
            (factor, f"{ran}. Only some of the steps get faster."),
            (after_s, seconds),
            (before_s - after_s, seconds),
            (1 / truth, ". A speed-up is the old time over the new one."),
            otherwise=f"{ran}: {truth:.2f} times.",
        )
    return right("five of the eight calls, three times faster, make the task 1.16 times faster.")


@check
def check_break_even(break_even: Callable[[float, float, float], float]) -> Verdict:
    """`break_even(small_s, check_s, big_s)` is the escalation rate at which nothing is gained."""
    for small_s, check_s, big_s in ((0.2, 0.1, 0.6), (0.3, 0.0, 1.2), (0.5, 0.7, 1.0)):
        truth = break_even_escalation(small_s, check_s, big_s)
        found = number_from(break_even, small_s, check_s, big_s)
        if close(found, truth):
            continue
        case = f"Small {small_s:g} s, check {check_s:g} s, big {big_s:g} s: you say {found:.3g}"
        if found < 0:
            not_yet(
                f"{case}. A rate is not negative: here the cascade is slower even if it never "
                "escalates, so the answer is 0."
            )
        mistakes = (
            (100 * truth, ", a percentage. Return a share between 0 and 1."),
            (max(0.0, 1 - small_s / big_s), ". The check takes time at every call too."),
            (
                min(1.0, (small_s + check_s) / big_s),
                ". That share has to be accepted; the rest may escalate.",
            ),
            (
                1.0,
                ". An escalated call waits for the small model and the check, and then for the "
                "big model: it never takes the big model's time alone.",
            ),
        )
        if found > 1:
            expect(found, truth, case, *mistakes, otherwise=". A rate is a share between 0 and 1.")
        ran = (
            f". Of 1,000 calls at that rate a cascade makes "
            f"{1000 * cascade_s(small_s, check_s, big_s, min(found, 1.0)):.0f} s; the big model "
            f"alone takes {1000 * big_s:.0f} s."
        )
        expect(found, truth, case, *mistakes, otherwise=ran)
    return right("1 - (small + check) / big. A check by a model costs as much as a small call.")


@check
def check_router(route: Callable[[StepRequest], Any]) -> Verdict:
    """`route(request)` beats always small, always big and by length on the held-out steps."""
    steps = labelled_steps()
    fit = [step for step in steps if not step.held_out]
    held_out = [step for step in steps if step.held_out]
    limit = best_length(fit, SCOUT, MAVERICK, SECOND_PASS)
    always_big = _score(always("big"), held_out)
    length = _score(by_length(limit), held_out)
    found, on_fit = (answer_of(_score, route, part, name="route") for part in (held_out, fit))
    table = found.confusion
    case = (
        f"On the held-out steps your router takes {found.total_s:.2f} s a step "
        f"({found.call_s:.2f} s of calls, {table.wrongly_small} failed steps)"
    )
    bars = f"always big takes {always_big.total_s:.2f} s, by length {length.total_s:.2f} s"
    if found.total_s < min(always_big.total_s, length.total_s):
        return right(
            f"{found.total_s:.2f} s a step with {table.wrongly_small} failed of "
            f"{table.rightly_small + table.wrongly_small} sent small; {bars}. So few steps do not "
            "prove a failure rate: see how many it takes."
        )
    if on_fit.total_s < _score(always("big"), fit).total_s:
        not_yet(
            f"{case}; {bars}. On the steps you could look at it takes {on_fit.total_s:.2f} s: it "
            "has learnt those steps, not the boundary. Fewer and more general rules hold better."
        )
    if not table.rightly_big + table.wrongly_big:
        not_yet(f"{case}; {bars}. It sends everything to the small model.")
    if not table.rightly_small + table.wrongly_small:
        not_yet(f"{case}. It sends everything to the big model, and saves nothing.")
    if found.total_s < length.total_s:
        not_yet(f"{case}; {bars}. It beats by length, but so does not routing at all.")
    not_yet(
        f"{case}; {bars}. A failed "
        f"step costs {SECOND_PASS.total_s:g} s, far more than a routed one saves."
    )


def _score(route: Callable[[StepRequest], Any], steps: Sequence[Any]) -> RouterScore:
    return score(route, steps, SCOUT, MAVERICK, SECOND_PASS)


# The claims, by their names in claims.toml.

MATERIAL = 0.2
"""The smallest cut that the ledger calls material: a fifth."""
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
        assumed.outcomes(assumed.by_model[model.name]).wrong for model in (MAVERICK, SCOUT)
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
    big, small = (assumed.outcomes(assumed.by_model[model.name]) for model in (MAVERICK, SCOUT))
    values = {
        "big": big.wrong,
        "small": small.wrong,
        "big_passes": big.attempts,
        "small_passes": small.attempts,
    }
    return Finding(values, small.wrong > big.wrong and small.attempts <= big.attempts)


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
