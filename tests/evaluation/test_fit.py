"""The fit inverts the latency model: exactly on the simulated clock, and says what it cannot."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import get_args

import pytest
from fit_expectations import BRIEF, NO_EFFECT, assert_recovers, assert_recovers_cache, measure
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from labtools.errors import ConfigurationError, NothingMeasured
from labtools.evaluation.fitting import Status, fit
from labtools.evaluation.settings import size
from labtools.model.named_profiles import NAMED, load_profiles
from labtools.model.profile import LatencyProfile, PrefixCache
from labtools.records import CallError

EXACT = 1e-6
PLAIN = LatencyProfile(
    "plain", decode_tokens_per_s=100, rtt_s=0.03, overhead_s=0.1, prefill_tokens_per_s=10_000
)
CUSTOM = {
    "nothing but decode": LatencyProfile("m", decode_tokens_per_s=50),
    "a prompt of any length": PLAIN.but(prefill_tokens_per_s=math.inf),
    "no overhead": PLAIN.but(overhead_s=0.0),
    "batching": PLAIN.but(batch_penalty=0.07),
    "two slots": PLAIN.but(batch_penalty=0.07, max_batch=2),
    "four slots": PLAIN.but(batch_penalty=0.07, max_batch=4),
    "four slots, no penalty": PLAIN.but(max_batch=4),
    "schemas": PLAIN.but(structured_factor=1.5, schema_compile_s=2),
    **{
        f"cache of {block}, from {minimum}": PLAIN.but(prefix_cache=PrefixCache(block, minimum))
        for block in (16, 64, 128)
        for minimum in (0, 1_024)
    },
    "cached tokens that take time": PLAIN.but(
        prefix_cache=PrefixCache(16, 0, reuse_tokens_per_s=40_000)
    ),
}
JITTERY = PLAIN.but(jitter_sigma=0.2)
EVERYTHING = LatencyProfile(
    "everything",
    decode_tokens_per_s=80,
    rtt_s=0.02,
    overhead_s=0.05,
    prefill_tokens_per_s=8_000,
    batch_penalty=0.1,
    max_batch=4,
    structured_factor=1.5,
    schema_compile_s=2.0,
    jitter_sigma=0.2,
    tail_probability=0.05,
    tail_factor=4,
    prefix_cache=PrefixCache(block_tokens=64, minimum_tokens=1_024, reuse_tokens_per_s=10_000),
)


@pytest.mark.parametrize(
    "name", ["fast", "slow", "latency-70b", "oci-llama-3.3-70b", "tracelab-median"]
)
def test_a_named_profile_is_recovered_exactly(tmp_path, name):
    assert_recovers(fit(measure(tmp_path, NAMED[name], BRIEF)), NAMED[name], BRIEF, EXACT)


@pytest.mark.parametrize("truth", CUSTOM.values(), ids=CUSTOM)
def test_each_effect_is_recovered_exactly_and_the_others_are_absent(tmp_path, truth):
    assert_recovers(fit(measure(tmp_path, truth, BRIEF)), truth, BRIEF, EXACT)


def test_many_slots_are_counted_when_more_clients_are_tried(tmp_path):
    truth = NAMED["oci-llama-3.3-70b"]
    plan = BRIEF.but(concurrency=(1, 256), calls_per_client=1)
    assert_recovers(fit(measure(tmp_path, truth, plan)), truth, plan, EXACT)


def test_replicas_look_like_one_with_a_smaller_penalty(tmp_path):
    truth = NAMED["batch-13b"]
    plan = BRIEF.but(concurrency=(1, 16, 32, 64))
    found = fit(measure(tmp_path, truth, plan))
    seen = truth.but(batch_penalty=truth.batch_penalty / 8, max_batch=None)
    penalty = found.parameter("batch_penalty")
    assert penalty.low <= seen.batch_penalty <= penalty.high
    assert penalty.value == pytest.approx(seen.batch_penalty, rel=0.1)
    assert found.parameter("replicas").status == "not_identifiable"
    exact = seen.but(batch_penalty=penalty.value)
    assert_recovers(found, exact, plan, EXACT)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Of an endpoint with all effects on, at the default size."""
    return measure(tmp_path_factory.mktemp("everything"), EVERYTHING, size("default"))


@pytest.fixture(scope="module")
def jittery(tmp_path_factory):
    return measure(tmp_path_factory.mktemp("jittery"), JITTERY, size("default"))


def test_jitter_is_measured_and_disturbs_nothing_else(jittery):
    assert_recovers(fit(jittery), JITTERY, size("default"), 0.1)


def test_everything_at_once(everything):
    found = fit(everything)
    share = found.parameter("tail_probability")
    # One call in twenty of 240: the draw itself strays by a third.
    assert share.low <= EVERYTHING.tail_probability <= share.high
    drawn = EVERYTHING.but(tail_probability=share.value)
    assert_recovers(found, drawn, size("default"), 0.1)
    for name in ("decode_tokens_per_s", "overhead_s", "prefill_tokens_per_s", "schema_compile_s"):
        one = found.parameter(name)
        assert one.low <= getattr(EVERYTHING, name) <= one.high, one


def test_a_pace_shared_by_prefill_and_decode_leaves_the_ratios_exact(everything):
    """Whatever was drawn, one half of a call says what to divide the other half by."""
    found = fit(everything).profile
    for name in ("structured_factor", "batch_penalty"):
        assert getattr(found, name) == pytest.approx(getattr(EVERYTHING, name), rel=EXACT)
    ratio = found.overhead_s * found.decode_tokens_per_s
    assert ratio == pytest.approx(EVERYTHING.overhead_s * EVERYTHING.decode_tokens_per_s, rel=EXACT)


def test_prefill_and_decode_that_are_slow_apart(tmp_path):
    """No endpoint has to draw one pace for a whole call."""

    def jittered(record):
        prefill, decode = (math.exp(rng.gauss(-0.005, 0.1)) for _ in range(2))
        first_at = record.sent_at + PLAIN.rtt_s + prefill * (record.ttft_s - PLAIN.rtt_s)
        chunks = tuple(first_at + decode * (at - record.chunks_at[0]) for at in record.chunks_at)
        return replace(record, chunks_at=chunks)

    measured = measure(tmp_path, PLAIN, size("default"))
    held = []
    for seed in range(6):
        rng = random.Random(seed)
        found = fit(changed(measured, jittered, where=lambda one: one.axis != "warm_up"))
        for name in ("overhead_s", "prefill_tokens_per_s", "decode_tokens_per_s"):
            one, true = found.parameter(name), getattr(PLAIN, name)
            assert one.value == pytest.approx(true, rel=0.15)
            held.append(one.low <= true <= one.high)
        # A whole call is steadier than its parts.
        assert 0.05 < found.profile.jitter_sigma < 0.1
        for name in ("structured_factor", "schema_compile_s", "batch_penalty", "tail_probability"):
            assert found.parameter(name).status == "absent"
    assert sum(held) >= 0.8 * len(held)  # of intervals that hold 95% of the time


# What the profile is for: it predicts what it has not seen, and replays it.


@pytest.mark.parametrize("truth", [CUSTOM["schemas"], CUSTOM["cache of 128, from 1024"]])
def test_the_chain_is_predicted_to_the_digit(tmp_path, truth):
    predictions = fit(measure(tmp_path, truth, BRIEF)).held_out
    assert [one.cached_from for one in predictions] == ["profile", "endpoint"]
    for one in predictions:
        assert (one.chains, one.steps) == (1, 6)
        assert abs(one.sum_error) < EXACT
        assert one.worst_step_error < EXACT


def test_the_chain_is_not_used_in_the_fit(everything):
    without = replace(
        everything,
        observations=tuple(one for one in everything.observations if one.axis != "chain"),
    )
    assert fit(without).held_out == ()
    names = {"context_limit_tokens"}  # the chain has the longest prompts
    assert [one for one in fit(without).parameters if one.name not in names] == [
        one for one in fit(everything).parameters if one.name not in names
    ]


CHAINS = BRIEF.but(
    contexts=(),
    concurrency=(),
    open_loop_calls=0,
    prefix_rounds=0,
    structured_calls=0,
    cold_schemas=0,
    chain_steps=20,
)


def chain_s(out, profile):
    measured = measure(out, profile, CHAINS)
    return sum(one.record.e2e_latency_s for one in measured.on("chain"))


@pytest.mark.parametrize("name", ["everything", "latency-70b", "tracelab-median"])
def test_the_profile_replays_the_same_chain(tmp_path, everything, name):
    if name == "everything":
        truth, found = EVERYTHING, fit(everything)
    else:
        truth = NAMED[name]
        found = fit(measure(tmp_path / "measured", truth, BRIEF))
    original_s, replayed_s = chain_s(tmp_path / "a", truth), chain_s(tmp_path / "b", found.profile)
    assert replayed_s == pytest.approx(original_s, rel=0.05 if name == "everything" else 0.01)


# What endpoints lack, and what goes wrong.


def changed(measured, change, *, where=lambda one: True, **abilities):
    """The same results, as an endpoint would give them that answers in another way."""
    observations = tuple(
        replace(one, record=change(one.record)) if where(one) else one
        for one in measured.observations
    )
    able = replace(measured.abilities, **abilities)
    return replace(measured, observations=observations, abilities=able)


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    truth = PLAIN.but(prefix_cache=PrefixCache(64, 0), batch_penalty=0.07)
    return measure(tmp_path_factory.mktemp("cached"), truth, BRIEF)


def test_a_cache_that_is_not_reported_shows_in_the_ttft(cached):
    silent = changed(cached, lambda r: replace(r, cached_tokens=None), cached_tokens=False)
    found = fit(silent)
    share = found.parameter("prefix_cache")
    assert share.status == "measured"
    assert share.value == pytest.approx(3_008 / 3_025, rel=0.01)
    assert found.parameter("prefix_cache.block_tokens").status == "not_identifiable"
    assert found.parameter("prefix_cache.minimum_tokens").status == "not_identifiable"
    assert found.parameter("prefix_cache.ttl_s").status == "at_least"
    assert found.profile.prefix_cache == PrefixCache()
    assert [one.cached_from for one in found.held_out] == ["profile"]


def test_a_cache_that_nobody_reports_or_could_feel_is_not_called_absent(tmp_path):
    truth = PLAIN.but(prefill_tokens_per_s=math.inf, prefix_cache=PrefixCache())
    measured = measure(tmp_path, truth, BRIEF)
    found = fit(changed(measured, lambda r: replace(r, cached_tokens=None), cached_tokens=False))
    assert found.parameter("prefix_cache").status == "not_identifiable"


def test_repeats_that_all_missed_leave_it_to_other_prompts_what_a_cached_token_takes(cached):
    """As on replicas that each keep a cache of their own: another prompt of the plan did hit."""
    missed = changed(
        cached, lambda r: replace(r, cached_tokens=0), where=lambda one: one.label == "repeat"
    )
    found = fit(missed)
    assert found.parameter("prefix_cache").value == 0
    assert found.parameter("prefix_cache.block_tokens").status == "measured"
    assert found.parameter("prefix_cache.reuse_tokens_per_s").status == "absent"
    assert math.isinf(found.profile.prefix_cache.reuse_tokens_per_s)


def test_a_prefix_that_is_forgotten_during_the_pause_bounds_the_time_to_live(tmp_path):
    truth = PLAIN.but(prefix_cache=PrefixCache(64, 0, ttl_s=5.0))
    ttl = fit(measure(tmp_path, truth, BRIEF.but(pause_s=10.0))).parameter("prefix_cache.ttl_s")
    assert ttl.status == "measured"
    assert ttl.low < 5.0 < ttl.high
    assert ttl.low < ttl.value < ttl.high


def test_a_call_that_failed_after_the_pause_leaves_the_other_prompts_to_tell(tmp_path):
    truth = PLAIN.but(prefix_cache=PrefixCache(64, 0, ttl_s=5.0))
    whole = measure(tmp_path, truth, BRIEF.but(pause_s=10.0))
    last = max(one.place for one in whole.on("prefix", "after_pause"))
    lost = changed(
        whole,
        lambda r: replace(r, error=CallError("timeout", "too slow")),
        where=lambda one: one.label == "after_pause" and one.place == last,
    )
    ttl = fit(lost).parameter("prefix_cache.ttl_s")
    assert ttl.status == "measured"
    assert ttl.low < 5.0 < ttl.high


def test_without_usage_lengths_are_those_asked_for_and_tokens_are_chunks(tmp_path):
    truth = NAMED["fast"].but(batch_penalty=0.05, max_batch=4)
    measured = measure(tmp_path, truth, BRIEF)

    def silent(record):
        return replace(record, input_tokens=None, output_tokens=None, cached_tokens=None)

    found = fit(changed(measured, silent, usage=False, cached_tokens=False))
    names = ("overhead_s", "prefill_tokens_per_s", "decode_tokens_per_s", "batch_penalty")
    for name in (*names, "max_batch"):
        assert getattr(found.profile, name) == pytest.approx(getattr(truth, name), rel=0.01)
    assert found.parameter("context_limit_tokens").status == "not_probed"
    assert abs(found.held_out[0].sum_error) < 0.05


def failed(record):
    error = CallError("status", "overloaded", status=503)
    return replace(
        record, error=error, chunks_at=(), input_tokens=None, output_tokens=None, chunk_chars=()
    )


AXES = {
    "context": {"jitter_sigma"},
    "concurrency": {"max_batch"},
    "prefix": {
        "prefix_cache",
        "prefix_cache.block_tokens",
        "prefix_cache.ttl_s",
        "prefix_cache.reuse_tokens_per_s",
    },
    "structured": {"structured_factor"},
    "cold_schema": {"schema_compile_s"},
    "chain": set(),
}


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != "context"])
def test_an_axis_on_which_all_calls_failed_is_not_probed(cached, axis):
    found = fit(changed(cached, failed, where=lambda one: one.axis == axis))
    for name in AXES[axis]:
        assert found.parameter(name).status == "not_probed"
        assert found.parameter(name).value is None
    assert found.profile is not None
    assert bool(found.held_out) == (axis != "chain")


def test_where_nothing_was_answered_there_is_no_profile(cached):
    found = fit(replace(changed(cached, failed), round_trips_s=()))
    assert found.profile is None
    assert found.held_out == ()
    assert {one.status for one in found.parameters} == {"not_probed", "not_identifiable"}
    assert all(one.value is None for one in found.parameters)
    with pytest.raises(NothingMeasured, match="lone streams"):
        found.profile_json()


def test_answers_in_one_piece_say_nothing_of_ttft_and_decode(cached):
    def whole(record):
        return replace(record, chunks_at=record.chunks_at[:1], chunk_chars=record.chunk_chars[:1])

    found = fit(changed(cached, whole))
    assert found.profile is None
    for name in ("decode_tokens_per_s", "prefill_tokens_per_s"):
        assert found.parameter(name).status == "not_probed"
        assert found.parameter(name).value is None


def test_streams_in_company_say_nothing_where_no_lone_one_was_measured(cached):
    found = fit(changed(cached, failed, where=lambda one: one.at.get("clients", 1) == 1))
    assert found.profile is None
    assert found.parameter("batch_penalty").status == "not_probed"


def test_prompts_of_one_length_do_not_say_how_the_ttft_divides(tmp_path):
    plan = BRIEF.but(contexts=(1_000,), prefix_rounds=0, structured_calls=0)
    found = fit(measure(tmp_path, NAMED["fast"], plan))
    assert found.parameter("prefill_tokens_per_s").status == "not_identifiable"
    assert found.profile.ttft_s(1_000) == pytest.approx(0.15)


def test_a_run_that_has_only_begun_has_a_fit(cached):
    """Whatever prefix of the observations there is, nothing raises."""
    for count in (0, 1, 2, 3, 5, 10, 30):
        part = replace(cached, observations=cached.observations[:count])
        assert all(one.status in get_args(Status) for one in fit(part).parameters)
    assert fit(replace(cached, abilities=None)).profile is not None


def test_a_ttft_that_rises_under_load_without_slots_is_not_called_a_limit(cached):
    """Eight prefills that share the machine all end when the last does; each round is later."""

    def shared(one):
        if one.at.get("clients") != 8:
            return one
        longer_s = 7 * (one.record.chunks_at[0] - one.record.sent_at)
        before_s, now_s = longer_s * one.place, longer_s * (one.place + 1)
        record = replace(
            one.record,
            sent_at=one.record.sent_at + before_s,
            chunks_at=tuple(at + now_s for at in one.record.chunks_at),
            ended_at=one.record.ended_at + now_s,
        )
        return replace(one, record=record)

    observations = tuple(shared(one) for one in cached.observations)
    slots = fit(replace(cached, observations=observations)).parameter("max_batch")
    assert (slots.status, slots.value) == ("at_least", 3)
    assert "At 8, TTFT rises in a way that slots do not explain" in slots.how


# In and out.


def test_the_profile_is_one_that_the_mock_serves(tmp_path, everything):
    for found in (fit(everything), fit(measure(tmp_path, CUSTOM["nothing but decode"], BRIEF))):
        path = tmp_path / "profile.json"
        path.write_text(found.profile_json(), encoding="utf-8")
        assert load_profiles(path) == {found.profile.name: found.profile}


def test_the_profile_says_where_it_is_from(everything):
    source = fit(everything).profile.source
    assert source.startswith(
        f"Fitted to {len(everything.observations)} calls of everything at sim,"
    )
    assert "measured on the simulated clock" in source
    assert "replicas" in source


def test_an_unknown_parameter_names_the_known_ones(everything):
    with pytest.raises(
        ConfigurationError, match=r"Unknown parameter: 'speed'\. Allowed: attention"
    ):
        fit(everything).parameter("speed")


# The law: whatever the profile, the fit inverts the model.

TINY = BRIEF.but(
    context_calls=2, concurrency=(1, 6), open_loop_calls=0, structured_calls=4, chain_steps=3
)
profiles = st.builds(
    LatencyProfile,
    name=st.just("drawn"),
    decode_tokens_per_s=st.floats(5, 2_000),
    rtt_s=st.sampled_from([0.0, 0.001, 0.08]),
    overhead_s=st.one_of(st.just(0.0), st.floats(0.001, 5)),
    prefill_tokens_per_s=st.one_of(st.just(math.inf), st.floats(500, 50_000)),
    batch_penalty=st.one_of(st.just(0.0), st.floats(0.002, 1)),
    max_batch=st.sampled_from([None, 2, 3, 5]),
    structured_factor=st.one_of(st.just(1.0), st.floats(1.05, 3), st.floats(0.5, 0.95)),
    schema_compile_s=st.one_of(st.just(0.0), st.floats(0.01, 20)),
    prefix_cache=st.one_of(
        st.none(),
        st.builds(
            PrefixCache,
            st.sampled_from([16, 32, 48, 64, 128, 256]),
            st.sampled_from([0, 512, 1_024]),
        ),
    ),
)


# An example takes a third of a second; to shrink one would take minutes.
@settings(max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(profiles)
@example(LatencyProfile("drawn", decode_tokens_per_s=5, batch_penalty=1.0, max_batch=5))
# Its first token takes no time at all, so a cached prompt leaves neither time nor noise.
@example(LatencyProfile("drawn", decode_tokens_per_s=1_000, prefix_cache=PrefixCache(64, 0)))
# Six calls begin at one moment, but for a float's rounding of when they were sent.
@example(
    LatencyProfile(
        "drawn",
        decode_tokens_per_s=199.55955599804992,
        rtt_s=0.08,
        batch_penalty=0.7910947990274626,
        schema_compile_s=13.450401049123936,
    )
)
def test_the_fit_inverts_the_model(tmp_path_factory, truth):
    found = fit(measure(tmp_path_factory.mktemp("drawn"), truth, TINY))
    profile = found.profile
    for name in NO_EFFECT:
        assert getattr(profile, name) == pytest.approx(getattr(truth, name), rel=1e-4, abs=1e-6), (
            name
        )
    assert profile.decode_tokens_per_s == pytest.approx(truth.decode_tokens_per_s, rel=1e-4)
    assert profile.max_batch == truth.max_batch
    if truth.prefill_s(3_000) > 0:
        assert_recovers_cache(found, truth, 0.5)
