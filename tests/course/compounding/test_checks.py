"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

from check_cases import mistakes_are_named, right_answers_pass

from labtools.course.compounding.checks import check_cap, check_chain, check_checks_needed


def best_share(p, catch, alarm):
    right, wrong = p * (1 - alarm), (1 - p) * (1 - catch)
    return right / (right + wrong)


def success(p, steps, catch, alarm, attempts):
    right, rejected = p * (1 - alarm), p * alarm + (1 - p) * catch
    return sum(right * rejected**k for k in range(attempts)) ** steps


def ended(p, steps, catch, alarm, attempts):
    rejected = p * alarm + (1 - p) * catch
    return (1 - rejected**attempts) ** steps


def checks_needed(p, catch, alarm, steps, target, whole_chain=True):
    for checks in range(1, 21):
        right, wrong = p * (1 - alarm) ** checks, (1 - p) * (1 - catch) ** checks
        if (right / (right + wrong)) ** (steps if whole_chain else 1) >= target:
            return checks
    return None


RIGHT = {check_cap: best_share, check_chain: success, check_checks_needed: checks_needed}
MISTAKES = {
    check_cap: [
        (lambda p, c, a: c, "wrong steps that are caught"),
        (lambda p, c, a: p * (1 - a), "Divide by accepted"),
        (lambda p, c, a: 100 * best_share(p, c, a), "a percentage"),
        (lambda p, c, a: p / (p + (1 - p) * (1 - c)), "False alarms"),
        (lambda p, c, a: p * (1 - a) / (p * (1 - a) + (1 - p) * c), "when it is not caught"),
        (lambda p, c, a: 0.5, "Of 1,000 steps 855 are accepted and right, 10 accepted and wrong"),
        (lambda p, c, a: None, "should return a number"),
        (lambda p: p, "raised TypeError"),
    ],
    check_chain: [
        (lambda p, n, c, a, k: p**n, "without a check"),
        (lambda p, n, c, a, k: (1 - (1 - p) ** k) ** n, "as if one right attempt"),
        (lambda p, n, c, a, k: success(p, 1, c, a, k), "for one step"),
        (lambda p, n, c, a, k: best_share(p, c, a) ** n, "the limit for any number of attempts"),
        (lambda p, n, c, a, k: ended(p, n, c, a, k), "counts wrong steps"),
        (lambda p, n, c, a, k: 0.123, "drawn at random end right in 0.869"),
        (lambda p, n, c, a, k: "often", "should return a number"),
    ],
    check_checks_needed: [
        (lambda *a: checks_needed(*a) - 1, "With so many checks the chain cannot pass"),
        (lambda *a: 20, "and so do fewer"),
        (lambda *a: checks_needed(*a, whole_chain=False), "enough for one step"),
        (lambda *a: 2.5, "a whole number"),
        (lambda *a: 0, "at least 1"),
        (lambda *a: None, "should return a number"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
