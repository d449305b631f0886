"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

from check_cases import mistakes_are_named, right_answers_pass

from labtools.course.routing.checks import check_break_even, check_gain, check_router
from labtools.course.routing.router_score import labelled_steps


def seconds(steps):
    return sum(step.total_s for step in steps)


def calls(steps):
    return [step for step in steps if step.is_call]


def amdahl(share, factor):
    return 1 / (1 - share + share / factor)


def gain(steps, routed, factor):
    saved_s = seconds(step for step in steps if step.type in routed) * (1 - 1 / factor)
    return seconds(steps) / (seconds(steps) - saved_s)


def of(steps, routed):
    return [step for step in steps if step.type in routed]


LEARNT = {s.request.text: s.small_suffices for s in labelled_steps() if not s.held_out}


def of_the_fit_half(request):
    return "small" if LEARNT.get(request.text, True) else "big"


def test_router_passes_when_it_beats_every_baseline():
    hard = ("which", "why", "choose", "decide", "find")

    def route(request):
        easy = not any(word in request.text.lower() for word in hard)
        return "small" if request.type == "tool_call" and easy else "big"

    verdict = check_router(route)
    assert verdict.passed, verdict
    assert "0 failed of 10" in verdict.message


RIGHT = {
    check_gain: gain,
    check_break_even: lambda s, c, b: max(0.0, 1 - (s + c) / b),
}
MISTAKES = {
    check_gain: [
        (lambda s, r, f: amdahl(len(of(s, r)) / len(calls(s)), f), "5 of 8 calls are 31%"),
        (lambda s, r, f: amdahl(len(of(s, r)) / len(s), f), "the steps by their number"),
        (lambda s, r, f: amdahl(seconds(of(s, r)) / seconds(calls(s)), f), "The tests belong"),
        (lambda s, r, f: f, "Only some of the steps"),
        (lambda s, r, f: seconds(s) / gain(s, r, f), "Those are seconds"),
        (lambda s, r, f: 1 / gain(s, r, f), "old time over the new one"),
        (lambda s, r, f: 1.5, "1.16 times"),
        (lambda s, r, f: s[99], "raised IndexError"),
        (lambda s, r, f: None, "should return a number"),
    ],
    check_break_even: [
        (lambda s, c, b: max(0.0, 1 - s / b), "The check takes time"),
        (lambda s, c, b: 1 - (s + c) / b, "not negative"),
        (lambda s, c, b: min(1.0, (s + c) / b), "has to be accepted"),
        (lambda s, c, b: 100 * max(0.0, 1 - (s + c) / b), "a percentage"),
        (lambda s, c, b: 1.0, "never takes the big model's time alone"),
        (lambda s, c, b: 1.5, "between 0 and 1"),
        (lambda s, c, b: 0.3, "a cascade makes 480 s; the big model alone takes 600 s"),
        (lambda s, c, b: "half", "should return a number"),
    ],
    check_router: [
        (lambda r: "small", "everything to the small model"),
        (lambda r: "big", "saves nothing"),
        (lambda r: True, "raised ConfigurationError: Unknown choice"),
        (lambda r: r.small_suffices, "raised AttributeError"),
        (of_the_fit_half, "has learnt those steps"),
        (
            lambda r: "small" if r.type in ("tool_call", "verify") else "big",
            "A failed step costs 7.5 s",
        ),
        (lambda r: "small" if r.type == "tool_call" else "big", "so does not routing at all"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
