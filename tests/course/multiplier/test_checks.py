"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import pytest
from check_cases import mistakes_are_named, right_answers_pass

from labtools.course.multiplier.checks import (
    check_runs_with_a_slow_call,
    check_speedup,
    check_ttft_share,
)

# 10 runs of 20 calls; the ten slowest of the 200 calls lie in three of the runs.
RUNS = [[1.0] * 20 for _ in range(10)]
RUNS[0][:5] = [9.0] * 5
RUNS[4][:4] = [9.0] * 4
RUNS[7][:1] = [9.0]


def amdahl(trace, factor):
    share = trace.inference_s / trace.duration_s
    return 1 / (1 - share + share / factor)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (10 / 200, "share of calls"),
        (0.7, "without any slow call"),
        (30, "a percentage"),
        (1 - 0.95**20, "what the formula says"),
        (0.99, "you say 99.0%"),
        (None, "should be a number"),
    ],
)
def test_runs_with_a_slow_call_names_the_mistake(share, said):
    verdict = check_runs_with_a_slow_call(share, RUNS)
    assert not verdict.passed
    assert said in verdict.message


def test_runs_with_a_slow_call_passes():
    assert check_runs_with_a_slow_call(0.3, RUNS).passed


RIGHT = {
    check_speedup: amdahl,
    check_ttft_share: lambda t, r, n: t / (t + n / r),
}
MISTAKES = {
    check_ttft_share: [
        (lambda t, r, n: t / (n / r), "TTFT over decode"),
        (lambda t, r, n: (n / r) / (t + n / r), "share of decode"),
        (lambda t, r, n: 100 * t / (t + n / r), "a percentage"),
        (lambda t, r, n: t / (t + n * r), "not tokens x rate"),
        (lambda t, r, n: 0.5, "so the share is 0.31"),
        (lambda t, r, n: None, "should return a number"),
        (lambda t, r, n: t / 0, "raised ZeroDivisionError"),
        (lambda t: t, "raised TypeError"),
    ],
    check_speedup: [
        (lambda trace, s: s, "The tools take as long as before"),
        (
            lambda trace, s: 1 + (s - 1) * trace.inference_s / trace.duration_s,
            "share measured on the fast backend",
        ),
        (
            lambda trace, s: 1 - (1 - 1 / s) * trace.inference_s / trace.duration_s,
            "old time over the new one",
        ),
        (lambda trace, s: 1.0, "1.82 times"),
        (lambda trace, s: "fast", "should return a number"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
