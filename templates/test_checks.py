"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

from check_cases import mistakes_are_named, right_answers_pass

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

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
