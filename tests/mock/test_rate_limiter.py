"""Buckets that refill all the time: what they admit, what they refuse, and what they promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.mock.engine import RateLimiter
from labtools.model.profile import RateLimits
from labtools.wire.api_error import ApiError


def limiter(requests=None, tokens=None):
    return RateLimiter(RateLimits(requests, tokens))


def refused(limiter, tokens, now):
    with pytest.raises(ApiError) as caught:
        limiter.admit(tokens, now)
    assert caught.value.status == 429
    assert caught.value.code == "rate_limit_exceeded"
    return caught.value


def test_without_limits_everything_is_admitted_and_nothing_is_said():
    unlimited = limiter()
    assert [unlimited.admit(10**9, 0.0) for _ in range(100)] == [{}] * 100


def test_a_minutes_allowance_may_be_used_at_once_and_refills_evenly():
    sixty = limiter(requests=60)
    for _ in range(60):
        sixty.admit(1, 100.0)
    error = refused(sixty, 1, 100.0)
    assert error.headers["retry-after"] == "1.000"
    assert "requests: limit 60 a minute" in error.message
    refused(sixty, 1, 100.9)
    sixty.admit(1, 101.0)
    refused(sixty, 1, 101.5)


def test_tokens_are_counted_apart_from_requests():
    both = limiter(requests=100, tokens=600)
    both.admit(500, 0.0)
    error = refused(both, 200, 0.0)
    assert "tokens: limit 600 a minute, requested 200" in error.message
    assert error.headers["retry-after"] == "10.000"
    both.admit(100, 0.0)


def test_the_longer_wait_of_the_two_is_named():
    both = limiter(requests=1, tokens=600)
    both.admit(600, 0.0)
    error = refused(both, 1, 0.0)
    assert "requests" in error.message
    assert error.headers["retry-after"] == "60.000"


def test_headers_say_limit_rest_and_reset():
    headers = limiter(requests=60, tokens=6000).admit(1500, 0.0)
    assert headers == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1.000s",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "4500",
        "x-ratelimit-reset-tokens": "15.000s",
    }


def test_a_refused_request_costs_nothing():
    ten = limiter(tokens=10)
    ten.admit(8, 0.0)
    for _ in range(5):
        refused(ten, 3, 0.0)
    ten.admit(2, 0.0)


def test_a_request_above_the_limit_waits_for_a_full_bucket_and_then_goes_into_debt():
    hundred = limiter(tokens=100)
    hundred.admit(60, 0.0)
    assert refused(hundred, 250, 0.0).headers["retry-after"] == "36.000"
    headers = hundred.admit(250, 36.0)
    assert headers["x-ratelimit-remaining-tokens"] == "0"
    assert headers["x-ratelimit-reset-tokens"] == "150.000s"
    refused(hundred, 1, 36.0 + 90)
    hundred.admit(1, 36.0 + 91)


limits = st.none() | st.integers(1, 10_000)


@given(
    limits,
    limits,
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 20_000)), min_size=1, max_size=30),
)
def test_whoever_waits_as_long_as_told_is_admitted(requests, tokens, arrivals):
    bucket, now = limiter(requests, tokens), 0.0
    for gap_s, wanted in arrivals:
        now += gap_s
        try:
            bucket.admit(wanted, now)
        except ApiError as error:
            now += float(error.headers["retry-after"])
            bucket.admit(wanted, now)


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 500)), max_size=60),
)
def test_no_more_is_admitted_than_a_full_bucket_and_its_refill(limit, arrivals):
    bucket, now, admitted = limiter(tokens=limit), 0.0, 0
    for gap_s, wanted in arrivals:
        now += gap_s
        wanted = min(wanted, limit)
        try:
            bucket.admit(wanted, now)
        except ApiError:
            continue
        admitted += wanted
        assert admitted <= limit + now * limit / 60 + 1e-6
