"""Claims about what faster steps add up to."""

from __future__ import annotations

from labtools.course.compounding.chains import NO_CHECK, chance_within, checker, tries_that_fit
from labtools.course.ledger import Finding
from labtools.model.named_profiles import FAST, SLOW

RIGHT_RATE = 0.9
"""The chance that a step of the chain is right."""
TRUSTED = checker(1.0)
NOT_THERE = 0.001


def more_steps(*, budget_s: float) -> Finding:
    """The calls of 100 tokens that fit, alone and each followed by a tool of a second."""
    slow, fast = (tries_that_fit(budget_s, p.e2e_latency_s(100)) for p in (SLOW, FAST))
    slow_tools, fast_tools = (
        tries_that_fit(budget_s, p.e2e_latency_s(100) + 1.0) for p in (SLOW, FAST)
    )
    values = {"slow": slow, "fast": fast, "slow_tools": slow_tools, "fast_tools": fast_tools}
    return Finding(values, slow < fast and slow_tools < fast_tools)


def ten_or_thirty(*, few: int, many: int, budget_s: float) -> Finding:
    """A chain of `few` steps, tried once, and with a check for each that triggers a repetition.

    A check takes as long as a step, so `many` steps are half as many tries.
    """
    plain = chance_within(few, RIGHT_RATE, few, NO_CHECK)
    unchecked = chance_within(many, RIGHT_RATE, few, NO_CHECK)
    checked = chance_within(many // 2, RIGHT_RATE, few, TRUSTED)
    values = {
        "few_step_s": budget_s / few,
        "many_step_s": budget_s / many,
        "right_rate": RIGHT_RATE,
        "plain": plain,
        "unchecked": unchecked,
        "checked": checked,
    }
    return Finding(values, unchecked > plain + NOT_THERE, holds_if=checked > plain + NOT_THERE)
