"""The fit finds what one machine for prefill and decode does, and says so where it does not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from fit_expectations import BRIEF, measure

from labtools import Budget, connect
from labtools.errors import BudgetExceeded
from labtools.evaluation import axes
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.fitting import fit
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import Settings, size
from labtools.model.profile import LatencyProfile, PrefixCache

PLAIN = LatencyProfile(
    "plain", decode_tokens_per_s=100, rtt_s=0.03, overhead_s=0.1, prefill_tokens_per_s=10_000
)
PLAN = BRIEF.but(interference_runs=2, shared_prefix_runs=2)
PER_SLOT = PrefixCache(block_tokens=1, minimum_tokens=1, per_slot=True)
ENGINE = PLAIN.but(
    attention_pairs_per_s=1e7,
    decode_context_tokens_per_s=3e5,
    prefill_chunk_tokens=512,
    batch_penalty=0.2,
    max_batch=4,
    prefix_cache=PER_SLOT,
)
TERMS = {
    "overhead_s": 0.0,
    "prefill_tokens_per_s": math.inf,
    "attention_pairs_per_s": math.inf,
    "decode_context_tokens_per_s": math.inf,
    "prefill_chunk_tokens": None,
    "max_batch": None,
    "batch_penalty": 0.0,
}
PROFILES = {
    "nothing of it": PLAIN,
    "attention": PLAIN.but(attention_pairs_per_s=1e7),
    "attention alone": PLAIN.but(
        attention_pairs_per_s=1e7, prefill_tokens_per_s=math.inf, overhead_s=0.0
    ),
    "steps that grow": PLAIN.but(decode_context_tokens_per_s=3e5),
    "chunks of 300": PLAIN.but(prefill_chunk_tokens=300, batch_penalty=0.3, max_batch=2),
    "chunks of 2048": PLAIN.but(prefill_chunk_tokens=2048, batch_penalty=0.3, max_batch=4),
    "slots": PLAIN.but(prefix_cache=PER_SLOT, batch_penalty=0.3, max_batch=4),
    "company that doubles a step": PLAIN.but(batch_penalty=1.0),
    "all of it": ENGINE,
}


RATES = (
    "prefill_tokens_per_s",
    "attention_pairs_per_s",
    "decode_tokens_per_s",
    "decode_context_tokens_per_s",
)


def the_fit(out, profile, plan=PLAN):
    return fit(measure(out, profile, plan))


@pytest.mark.parametrize("truth", PROFILES.values(), ids=PROFILES)
def test_each_term_is_recovered_and_the_others_are_absent(tmp_path, truth):
    found = the_fit(tmp_path, truth)
    for name, nothing in TERMS.items():
        one, true = found.parameter(name), getattr(truth, name)
        none = "at_least" if name == "max_batch" else "absent"
        if name == "prefill_tokens_per_s" and math.isinf(true):
            # A rate too high to matter: not a millisecond in the longest prompt.
            assert found.profile.compute_s(0, 3000) == pytest.approx(
                truth.compute_s(0, 3000), abs=1e-3
            )
            continue
        assert one.status == (none if true == nothing else "measured"), one
        if true is None:
            assert getattr(found.profile, name) is None
        else:
            assert getattr(found.profile, name) == pytest.approx(true, rel=0.01), one
    per_slot = found.parameter("prefix_cache.per_slot")
    assert per_slot.status == ("measured" if truth.prefix_cache else "absent")
    if truth.prefix_cache:
        assert found.profile.prefix_cache.per_slot
        assert found.parameter("prefix_cache.ttl_s").status == "not_identifiable"


@pytest.mark.parametrize("seed", range(3))
def test_with_jitter_all_terms_stray_by_one_factor_and_little(tmp_path, seed):
    truth = ENGINE.but(jitter_sigma=0.05)
    plan = PLAN.but(seed=seed, context_calls=8, interference_runs=4, calls_per_client=6)
    found = the_fit(tmp_path, truth, plan)
    assert found.profile.prefill_chunk_tokens == pytest.approx(512, rel=0.25)
    assert found.profile.max_batch == 4
    # Only how slow the middle call is remains open: it is the same for all that lone calls tell.
    slower = found.profile.overhead_s / truth.overhead_s
    assert slower == pytest.approx(1, abs=0.02)
    for name in RATES:
        assert getattr(truth, name) / getattr(found.profile, name) == pytest.approx(
            slower, rel=1e-3
        ), name


@pytest.mark.parametrize("seed", range(5))
def test_jitter_alone_bends_nothing(tmp_path, seed):
    plan = size("default").but(seed=seed, concurrency=(1,), structured_calls=20, cold_schemas=0)
    found = the_fit(tmp_path, PLAIN.but(jitter_sigma=0.2), plan)
    for name in ("attention_pairs_per_s", "decode_context_tokens_per_s", "prefill_chunk_tokens"):
        assert found.parameter(name).status == "absent", name


def test_prompts_in_one_piece_bound_the_chunk(tmp_path):
    found = the_fit(tmp_path, PLAIN.but(prefill_chunk_tokens=10_000))
    chunk = found.parameter("prefill_chunk_tokens")
    assert (chunk.status, chunk.value) == ("at_least", 4_000)


def test_two_lengths_show_no_bend(tmp_path):
    plan = PLAN.but(contexts=(1_000, 3_000), structured_calls=0, prefix_rounds=0)
    attention = the_fit(tmp_path, ENGINE, plan).parameter("attention_pairs_per_s")
    assert (attention.status, attention.value) == ("not_identifiable", None)


def test_without_their_probes_chunk_and_slots_are_not_probed(tmp_path):
    found = the_fit(tmp_path, ENGINE, BRIEF)
    for name in ("prefill_chunk_tokens", "prefix_cache.per_slot"):
        assert found.parameter(name).status == "not_probed"
    assert found.profile.prefill_chunk_tokens is None
    assert not found.profile.prefix_cache.per_slot


def test_a_shared_cache_does_not_belong_to_a_slot(tmp_path):
    truth = PLAIN.but(max_batch=4, batch_penalty=0.1, prefix_cache=PrefixCache(16, 1))
    found = the_fit(tmp_path, truth)
    assert found.parameter("prefix_cache.per_slot").status == "absent"
    assert not found.profile.prefix_cache.per_slot


def test_where_cached_tokens_are_not_reported_nobody_can_tell_who_found_the_prefix(tmp_path):
    measured = measure(tmp_path, PROFILES["slots"], PLAN)
    silent = replace(
        measured,
        observations=tuple(
            replace(one, record=replace(one.record, cached_tokens=None))
            for one in measured.observations
        ),
    )
    assert fit(silent).parameter("prefix_cache.per_slot").status == "not_identifiable"


def test_the_chain_is_predicted_with_all_of_it(tmp_path):
    [by_profile, by_endpoint] = the_fit(tmp_path, ENGINE).held_out
    assert abs(by_profile.sum_error) < 1e-3
    assert abs(by_endpoint.sum_error) < 1e-3


# The probe


def test_four_go_on_from_one_prefix_and_four_again():
    plan = Settings(shared_prefix_runs=2)
    blocks = [one for one in axes.plan(plan, Abilities.all("max_tokens"))
              if one.axis == "shared_prefix"]  # fmt: skip
    assert len(blocks) == 2
    for block in blocks:
        assert [len(lane) for lane in block.lanes] == [3, 2, 2, 2]
        heads = {call.request["messages"][0]["content"] for call in block.calls}
        assert len(heads) == 1
        assert not block.lanes[0][0].together
        assert all(call.together for lane in block.lanes for call in lane[-2:])


def test_the_waves_begin_together_and_after_the_prefix_is_known(tmp_path):
    measured = measure(tmp_path, PROFILES["slots"], PLAN)
    for run in range(2):
        block = [one for one in measured.on("shared_prefix") if one.block.endswith(str(run))]
        known, first, second = (
            [one.record for one in block if one.label == label]
            for label in ("known", "first_wave", "second_wave")
        )
        assert {one.sent_at for one in first} == {known[0].ended_at}
        assert {one.sent_at for one in second} == {max(one.ended_at for one in first)}


def test_a_lane_that_is_given_up_keeps_nobody_waiting(tmp_path):
    plan = Settings(
        contexts=(), concurrency=(), open_loop_calls=0, interference_runs=0, prefix_rounds=0,
        structured_calls=0, cold_schemas=0, chain_steps=0, shared_prefix_runs=1,
    )  # fmt: skip
    budget = Budget(requests=6)
    with (
        connect("sim", profile=PLAIN, budget=budget) as lab,
        pytest.raises(BudgetExceeded),
    ):
        evaluate({"plain": lab}, tmp_path, plan, progress=False)
