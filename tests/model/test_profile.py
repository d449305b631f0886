"""The formulas, held against the essay's figures and against their own algebra."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labtools.errors import ConfigurationError
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.profile import LatencyProfile, PrefixCache, Prices, RateLimits

rates = st.floats(min_value=0.1, max_value=1e6)
seconds = st.floats(min_value=0, max_value=1e3)
tokens = st.integers(min_value=0, max_value=100_000)
profiles = st.builds(
    LatencyProfile,
    name=st.just("any"),
    decode_tokens_per_s=rates,
    prefill_tokens_per_s=rates,
    rtt_s=seconds,
    overhead_s=seconds,
    batch_penalty=st.floats(min_value=0, max_value=5),
    structured_factor=st.floats(min_value=0.5, max_value=5),
    schema_compile_s=seconds,
)


@pytest.mark.parametrize(
    ("profile", "ttft_s", "step_s"), [(FAST, 0.15, 1 / 200), (SLOW, 0.6, 1 / 60)]
)
def test_the_named_profiles_have_the_essays_figures(profile, ttft_s, step_s):
    assert profile.ttft_s() == pytest.approx(ttft_s, abs=1e-12)
    assert profile.step_s() == step_s


def test_the_fast_profile_has_the_essays_longer_ttft_at_its_longer_context():
    assert FAST.ttft_s(2000) == pytest.approx(0.200, abs=1e-12)


def test_twenty_calls_of_a_hundred_tokens_take_46_and_13_seconds():
    assert 20 * SLOW.e2e_latency_s(100) == pytest.approx(45 + 1 / 3, abs=1e-9)
    assert 20 * FAST.e2e_latency_s(100) == pytest.approx(13, abs=1e-9)


def test_break_even_is_where_decode_takes_as_long_as_ttft():
    assert FAST.break_even_tokens() == pytest.approx(30)
    assert SLOW.break_even_tokens() == pytest.approx(36)


def test_ttft_term_by_term():
    profile = LatencyProfile(
        "p", 50, rtt_s=0.02, overhead_s=0.1, prefill_tokens_per_s=1000, schema_compile_s=3
    )
    assert profile.ttft_s(2000) == pytest.approx(0.02 + 0.1 + 2)
    assert profile.ttft_s(2000, cached_tokens=1500) == pytest.approx(0.02 + 0.1 + 0.5)
    assert profile.ttft_s(2000, queue_s=4) == pytest.approx(0.02 + 4 + 0.1 + 2)
    assert profile.ttft_s(2000, new_schema=True) == pytest.approx(0.02 + 3 + 0.1 + 2)
    cached = profile.but(prefix_cache=PrefixCache(reuse_tokens_per_s=3000))
    assert cached.ttft_s(2000, cached_tokens=1500) == pytest.approx(0.02 + 0.1 + 0.5 + 0.5)
    # The network and the queue are not the endpoint's own work: the pace leaves them alone.
    assert profile.ttft_s(2000, queue_s=4, pace=2) == pytest.approx(0.02 + 4 + 2 * (0.1 + 2))


def test_a_step_term_by_term():
    profile = LatencyProfile("p", 50, batch_penalty=0.1, structured_factor=1.5)
    assert profile.step_s() == 0.02
    assert profile.step_s(active=11) == pytest.approx(0.02 * 2)
    assert profile.step_s(structured=True) == pytest.approx(0.02 * 1.5)
    assert profile.step_s(active=11, structured=True, pace=2) == pytest.approx(0.02 * 2 * 1.5 * 2)


def test_an_infinite_prefill_rate_makes_ttft_independent_of_the_prompt():
    profile = LatencyProfile("p", 50, overhead_s=0.3)
    assert profile.ttft_s(1) == profile.ttft_s(100_000) == 0.3


@given(profiles, tokens, st.integers(1, 10_000), st.integers(1, 100))
def test_an_answer_that_stops_by_itself_has_one_step_more(profile, input_tokens, output, active):
    cut = profile.e2e_latency_s(output, input_tokens, active=active, stops_by_itself=False)
    own = profile.e2e_latency_s(output, input_tokens, active=active)
    assert own - cut == pytest.approx(profile.step_s(active), rel=1e-6, abs=1e-6)
    assert cut - profile.ttft_s(input_tokens) == pytest.approx(
        (output - 1) * profile.step_s(active), rel=1e-6, abs=1e-6
    )


@given(profiles, tokens)
def test_at_the_break_even_length_decode_is_half_of_the_call(profile, input_tokens):
    assume(profile.ttft_s(input_tokens) < 1e6)
    length = profile.break_even_tokens(input_tokens)
    assert length / profile.decode_tokens_per_s == pytest.approx(profile.ttft_s(input_tokens))


@given(profiles, tokens, tokens)
def test_cached_tokens_save_exactly_their_prefill(profile, input_tokens, more):
    saved = profile.ttft_s(input_tokens + more) - profile.ttft_s(input_tokens + more, more)
    assert saved == pytest.approx(more / profile.prefill_tokens_per_s, rel=1e-6, abs=1e-6)


def test_but_changes_only_what_is_named():
    changed = SLOW.but(rtt_s=0.1, prices=Prices(1, 0.5, 2))
    assert changed.rtt_s == 0.1
    assert changed.prices.output_usd_per_million == 2
    assert changed.but(rtt_s=SLOW.rtt_s, prices=SLOW.prices) == SLOW


def test_but_names_the_known_fields():
    with pytest.raises(ConfigurationError, match=r"no field 'ttft'.*decode_tokens_per_s"):
        SLOW.but(ttft=0.1)


def test_prices_count_cached_tokens_apart():
    prices = Prices(
        input_usd_per_million=2, cached_input_usd_per_million=0.5, output_usd_per_million=8
    )
    assert prices.cost_usd(1_000_000, 0, 0) == 2
    assert prices.cost_usd(1_000_000, 1_000_000, 0) == 0.5
    assert prices.cost_usd(1_000_000, 250_000, 500_000) == pytest.approx(1.5 + 0.125 + 4)


BAD = [
    ("decode_tokens_per_s", 0, "above 0"),
    ("decode_tokens_per_s", -1, "above 0"),
    ("decode_tokens_per_s", math.nan, "number"),
    ("decode_tokens_per_s", "60", "number"),
    ("decode_tokens_per_s", None, "number"),
    ("decode_tokens_per_s", True, "number"),
    ("prefill_tokens_per_s", 0, "above 0"),
    ("rtt_s", -0.1, "at least 0"),
    ("overhead_s", -0.1, "at least 0"),
    ("batch_penalty", -0.1, "at least 0"),
    ("schema_compile_s", -0.1, "at least 0"),
    ("jitter_sigma", -0.1, "at least 0"),
    ("replicas", 0, "at least 1"),
    ("replicas", 1.5, "whole number"),
    ("max_batch", 0, "at least 1"),
    ("max_batch", 2.0, "whole number"),
    ("context_limit_tokens", 0, "at least 1"),
    ("structured_factor", 0, "above 0"),
    ("tail_factor", -1, "above 0"),
    ("tail_probability", 1.1, "from 0 to 1"),
    ("tail_probability", -0.1, "from 0 to 1"),
    ("rtt_s", math.inf, "finite"),
    ("overhead_s", math.inf, "finite"),
    ("jitter_sigma", math.inf, "finite"),
    ("tail_factor", math.inf, "finite"),
]


@pytest.mark.parametrize(("field", "value", "reason"), BAD)
def test_a_field_that_cannot_be_is_refused_with_what_was_found(field, value, reason):
    with pytest.raises(ConfigurationError, match=f"{field} is {value!r}.*{reason}"):
        SLOW.but(**{field: value})


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_profile_needs_a_name(name):
    with pytest.raises(ConfigurationError, match="needs a name"):
        LatencyProfile(name, 60)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: PrefixCache(block_tokens=0), "block_tokens"),
        (lambda: PrefixCache(minimum_tokens=-1), "minimum_tokens"),
        (lambda: PrefixCache(ttl_s=0), "ttl_s"),
        (lambda: PrefixCache(capacity_tokens=-1), "capacity_tokens"),
        (lambda: RateLimits(requests_per_minute=0), "requests_per_minute"),
        (lambda: RateLimits(tokens_per_minute=1.5), "tokens_per_minute"),
        (lambda: Prices(-1), "input_usd_per_million"),
        (lambda: Prices(0, math.nan), "cached_input_usd_per_million"),
    ],
)
def test_parts_of_a_profile_are_checked_too(make, field):
    with pytest.raises(ConfigurationError, match=f"{field} is"):
        make()


def test_a_rate_may_be_infinite():
    assert LatencyProfile("p", math.inf).step_s() == 0
