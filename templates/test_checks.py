"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import pytest

from labtools.course.CHAPTER_NAME import check


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda t, r, n: t / (n / r), "TTFT over decode"),
        (lambda t, r, n: 100 * t / (t + n / r), "a percentage"),
        (lambda t, r, n: 0.5, "the share is 0.31"),
        (lambda t, r, n: None, "should return a number"),
    ],
)
def test_ttft_share_names_the_mistake(answer, said):
    verdict = check.check_ttft_share(answer)
    assert not verdict.passed
    assert said in verdict.message


def test_ttft_share_passes():
    assert check.check_ttft_share(lambda t, r, n: t / (t + n / r)).passed


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda trace, factor: factor, "The tools take as long as before"),
        (lambda trace, factor: 1.0, "it is 1.66 times"),
    ],
)
def test_speedup_names_the_mistake(answer, said):
    verdict = check.check_speedup(answer)
    assert not verdict.passed
    assert said in verdict.message


def test_speedup_passes():
    def answer(trace, factor):
        tools_s = trace.duration_s - trace.inference_s
        return trace.duration_s / (tools_s + trace.inference_s / factor)

    assert check.check_speedup(answer).passed
