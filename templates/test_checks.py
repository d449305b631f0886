"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import pytest

from labtools.course.CHAPTER_NAME import check


def speedup(trace, factor):
    tools_s = trace.duration_s - trace.inference_s
    return trace.duration_s / (tools_s + trace.inference_s / factor)


RIGHT = {
    check.check_ttft_share: lambda t, r, n: t / (t + n / r),
    check.check_speedup: speedup,
}
MISTAKES = {
    check.check_ttft_share: [
        (lambda t, r, n: t / (n / r), "TTFT over decode"),
        (lambda t, r, n: 100 * t / (t + n / r), "a percentage"),
        (lambda t, r, n: 0.5, "the share is 0.31"),
        (lambda t, r, n: None, "should return a number"),
    ],
    check.check_speedup: [
        (lambda trace, factor: factor, "The tools take as long as before"),
        (lambda trace, factor: 1.0, "it is 1.66 times"),
    ],
}


@pytest.mark.parametrize(("checks", "answer"), RIGHT.items())
def test_the_right_answer_passes(checks, answer):
    assert checks(answer).passed


@pytest.mark.parametrize(
    ("checks", "answer", "said"),
    [(checks, *case) for checks, cases in MISTAKES.items() for case in cases],
)
def test_a_mistake_is_named(checks, answer, said):
    verdict = checks(answer)
    assert not verdict.passed
    assert said in verdict.message, verdict
