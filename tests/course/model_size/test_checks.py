"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

from statistics import fmean, median

import pytest
from check_cases import mistakes_are_named, right_answers_pass

from labtools.course.model_size.checks import check_bound, check_choose, check_compare
from labtools.model.closed_loop import closed_loop
from labtools.model.metrics import TooFewSamples, percentile, percentile_interval


def chooser(measure):
    def choose(profiles, clients, answers):
        return min(profiles, key=lambda profile: measure(profile, clients, answers)).name

    return choose


def mean_s(profile, clients, answers):
    return fmean(closed_loop(profile, clients, n).e2e_latency_s for n in answers)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        (lambda p, c, a: -p.decode_tokens_per_s, "decode rate of a lone call"),
        (lambda p, c, a: p.ttft_s(), "TTFT is not all"),
        (lambda p, c, a: mean_s(p, 1, a), "That is a lone call"),
        (lambda p, c, a: mean_s(p.but(max_batch=None), c, a), "leave out no queue"),
        (lambda p, c, a: mean_s(p.but(replicas=1), c, a), "over the replicas"),
        (lambda p, c, a: mean_s(p, c, [median(a)]), "take the mean"),
        (lambda p, c, a: -mean_s(p, c, a), "but a call takes"),
    ],
)
def test_choose_names_the_mistake(measure, said):
    verdict = check_choose(chooser(measure))
    assert not verdict.passed
    assert said in verdict.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [(lambda p, c, a: p[0], "should return one of"), (lambda p: p, "raised TypeError")],
)
def test_choose_wants_a_name(answer, said):
    assert said in check_choose(answer).message


def test_choose_passes():
    assert check_choose(chooser(mean_s)).passed


def by_points(first, second, q):
    return "first" if percentile(first, q) < percentile(second, q) else "second"


def told_apart(first, second, q, confidence=0.95):
    one, other = (percentile_interval(sample, q, confidence) for sample in (first, second))
    if isinstance(one, TooFewSamples) or isinstance(other, TooFewSamples):
        return "cannot tell"
    if one.high < other.low:
        return "first"
    return "second" if other.high < one.low else "cannot tell"


def slower(first, second, q):
    swap = {"first": "second", "second": "first"}
    found = told_apart(first, second, q)
    return swap.get(found, found)


def no_interval_no_matter(first, second, q):
    return told_apart(first, second, q, 0.9)


def only_counts_calls(first, second, q):
    if isinstance(percentile_interval(first, q), TooFewSamples):
        return "cannot tell"
    return by_points(first, second, q)


def medians_only(first, second, q):
    return told_apart(first, second, q) if q == 0.5 else "cannot tell"


RIGHT = {
    check_bound: lambda p, b, a, w: a * w / (p * b / 8),
    check_compare: told_apart,
}
MISTAKES = {
    check_bound: [
        (lambda p, b, a, w: a * w / (p * b), "You divided by bits"),
        (lambda p, b, a, w: w / (p * b / 8), "their bandwidths add up"),
        (lambda p, b, a, w: w / (p * b / 8) / a, "faster, not slower"),
        (lambda p, b, a, w: (p * b / 8) / (a * w), "seconds for a token"),
        (lambda p, b, a, w: 100.0, "The weights are 26 GB"),
        (lambda p, b, a, w: None, "should return a number"),
        (lambda p: 1.0, "raised TypeError"),
    ],
    check_compare: [
        (by_points, "their intervals overlap"),
        (only_counts_calls, "their intervals overlap"),
        (no_interval_no_matter, "and 59 are needed"),
        (lambda a, b, q: "cannot tell", "as for every sample"),
        (medians_only, "'first' is faster"),
        (slower, "the smaller p50"),
        (lambda a, b, q: percentile_interval(a, q).high, "allowed: first, second, cannot tell"),
        (
            lambda a, b, q: (
                "cannot tell"
                if percentile_interval(a, q).high > percentile_interval(b, q).low
                and percentile_interval(b, q).high > percentile_interval(a, q).low
                else by_points(a, b, q)
            ),
            "may return TooFewSamples",
        ),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
