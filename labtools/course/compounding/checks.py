"""The checks on the compounding effect: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, repeat

from labtools.course.ledger import Finding
from labtools.course.verdict import Verdict, check, expect, not_yet, number_from, right
from labtools.course.verifiers import (
    NO_CHECK,
    both_accept,
    cap,
    chain_outcomes,
    chance_within,
    checker,
    tries_that_fit,
)
from labtools.model.named_profiles import FAST, SLOW

_CASES = ((0.9, 0.9, 0.05), (0.6, 0.5, 0.2), (0.99, 0.8, 0.1))


@check
def check_cap(best_share: Callable[[float, float, float], float]) -> Verdict:
    """`best_share(p, catch, alarm)` is the share of accepted steps that are right."""
    for p, catch, alarm in _CASES:
        truth = cap(p, checker(catch, alarm))
        found = number_from(best_share, p, catch, alarm)
        accepted_right, accepted_wrong = p * (1 - alarm), (1 - p) * (1 - catch)
        expect(
            found,
            truth,
            f"With p={p:g}, catch={catch:g} and alarm={alarm:g} you get {found:.3g}",
            (
                catch,
                ": the share of wrong steps that are caught. Asked is, of the steps that are "
                "accepted, the share that is right.",
            ),
            (accepted_right, ": accepted and right, as a share of all. Divide by accepted."),
            (100 * truth, ", a percentage. Return a share between 0 and 1."),
            (
                p / (p + accepted_wrong),
                ". False alarms: of the right steps only 1 - alarm are accepted.",
            ),
            (
                accepted_right / (accepted_right + (1 - p) * catch),
                ". A wrong step is accepted when it is not caught: 1 - catch.",
            ),
            otherwise=f". Of 1,000 steps {1000 * accepted_right:.0f} are accepted and right, "
            f"{1000 * accepted_wrong:.0f} accepted and wrong.",
        )
    return right("a chain of n steps can reach that to the power of n, at any speed.")


@check
def check_chain(success: Callable[[float, int, float, float, int], float]) -> Verdict:
    """`success(p, steps, catch, alarm, attempts)` is the share of chains that end right."""
    for steps, attempts in ((10, 3), (5, 2), (3, 1)):
        for p, catch, alarm in _CASES:
            verifier = checker(catch, alarm)
            ends = chain_outcomes(p, steps, verifier, attempts)
            found = number_from(success, p, steps, catch, alarm, attempts)
            expect(
                found,
                ends.right,
                f"{steps} steps of p={p:g}, catch={catch:g}, alarm={alarm:g}, {attempts} "
                f"attempts: you say {found:.3g}",
                (p**steps, ", the share without a check. A rejected step is repeated."),
                (
                    (1 - (1 - p) ** attempts) ** steps,
                    f": as if one right attempt among {attempts} sufficed. The check has to see "
                    "which one it is.",
                ),
                (
                    chain_outcomes(p, 1, verifier, attempts).right,
                    f", the share for one step. All {steps} have to be right.",
                ),
                (
                    cap(p, verifier) ** steps,
                    f", the limit for any number of attempts. There are {attempts}.",
                ),
                (ends.right + ends.wrong, ": that counts wrong steps that were accepted as right."),
                otherwise=f"; chains drawn at random end right in {ends.right:.3g} of the runs.",
            )
    return right("three attempts take ten steps of 90% from 35% to 87%, with this check.")


@check
def check_checks_needed(
    checks_needed: Callable[[float, float, float, int, float], float],
) -> Verdict:
    """`checks_needed(p, catch, alarm, steps, target)`: the fewest checks whose cap suffices.

    The checks err independently and all have to accept; attempts are not limited.
    """
    for p, catch, alarm, steps, target in (
        (0.9, 0.5, 0.05, 10, 0.9),
        (0.9, 0.9, 0.05, 10, 0.85),
        (0.7, 0.8, 0.1, 20, 0.95),
    ):
        verifiers = accumulate(repeat(checker(catch, alarm), 20), both_accept)
        caps = [cap(p, together) ** steps for together in verifiers]
        truth = next(number for number, limit in enumerate(caps, 1) if limit >= target)
        found = number_from(checks_needed, p, catch, alarm, steps, target)
        if found == truth:
            continue
        case = (
            f"p={p:g}, catch={catch:g}, alarm={alarm:g}, {steps} steps, target {target:.0%}: you "
            f"say {found:g}"
        )
        if found != int(found) or not 1 <= found <= 20:
            not_yet(f"{case}. The answer is a whole number of checks, at least 1.")
        limit = caps[int(found) - 1]
        of_step = next(n for n, reached in enumerate(caps, 1) if reached ** (1 / steps) >= target)
        if found == of_step:
            not_yet(f"{case}. That is enough for one step; the chain reaches {limit:.1%}.")
        if found < truth:
            not_yet(f"{case}. With so many checks the chain cannot pass {limit:.1%}.")
        not_yet(f"{case}. It suffices ({limit:.1%}), and so do fewer.")
    return right("a few checks that err independently do what no number of retries does.")


# The claims, by their names in claims.toml.

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
