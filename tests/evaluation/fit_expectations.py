"""What a fit must say of an endpoint whose profile is known. Only tests may know it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from labtools import connect
from labtools.evaluation.fitting import Fit
from labtools.evaluation.observations import Measured
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import Settings
from labtools.model.profile import LatencyProfile

BRIEF = Settings(
    contexts=(1_000, 2_000, 3_000),
    context_calls=3,
    concurrency=(1, 3, 8),
    calls_per_client=3,
    open_loop_calls=4,
    prefix_rounds=2,
    structured_calls=5,
    cold_schemas=3,
    interference_runs=0,
    chain_steps=6,
    chain_runs=1,
    chain_tokens=1_000,
    chain_growth_tokens=200,
)
"""Enough for an endpoint without jitter, at prompts that a context of 4,096 holds."""

NO_EFFECT = {
    "rtt_s": 0.0,
    "overhead_s": 0.0,
    "prefill_tokens_per_s": math.inf,
    "attention_pairs_per_s": math.inf,
    "decode_context_tokens_per_s": math.inf,
    "batch_penalty": 0.0,
    "structured_factor": 1.0,
    "schema_compile_s": 0.0,
    "jitter_sigma": 0.0,
    "tail_probability": 0.0,
    "tail_factor": 1.0,
}
"""The value at which the model has no such effect."""


def measure(out: Path, profile: LatencyProfile, plan: Settings, endpoint: str = "sim") -> Measured:
    """Everything that the plan measures of the mock with this profile, under its name."""
    with connect(endpoint, profile=profile) as lab:
        return evaluate({profile.name: lab}, out, plan, progress=False)[profile.name]


def assert_recovers(found: Fit, truth: LatencyProfile, plan: Settings, rel: float) -> None:
    """Every identifiable parameter within `rel` of the truth, what is off reported as absent."""
    assert found.parameter("decode_tokens_per_s").status == "measured"
    assert found.profile is not None
    assert found.profile.decode_tokens_per_s == pytest.approx(truth.decode_tokens_per_s, rel=rel)
    for name, nothing in NO_EFFECT.items():
        one, true = found.parameter(name), getattr(truth, name)
        assert one.status == ("absent" if true == nothing else "measured"), one
        assert getattr(found.profile, name) == pytest.approx(true, rel=rel), one
    assert_recovers_slots(found, truth, plan)
    assert_recovers_cache(found, truth, rel)


def assert_recovers_slots(found: Fit, truth: LatencyProfile, plan: Settings) -> None:
    most, slots = max(plan.concurrency), found.parameter("max_batch")
    if truth.max_batch is not None and truth.max_batch < most:
        assert (slots.status, slots.value) == ("measured", truth.max_batch)
        assert found.profile.max_batch == truth.max_batch
    else:
        assert (slots.status, slots.value) == ("at_least", most)
        assert found.profile.max_batch is None


def assert_recovers_cache(found: Fit, truth: LatencyProfile, rel: float) -> None:
    parts = {
        part: found.parameter(f"prefix_cache.{part}")
        for part in (
            "block_tokens",
            "minimum_tokens",
            "ttl_s",
            "capacity_tokens",
            "reuse_tokens_per_s",
        )
    }
    if truth.prefix_cache is None:
        assert found.parameter("prefix_cache").status == "absent"
        assert {one.status for one in parts.values()} == {"absent"}
        assert found.profile.prefix_cache is None
        return
    assert found.parameter("prefix_cache").status == "measured"
    assert parts["block_tokens"].value == truth.prefix_cache.block_tokens
    minimum = parts["minimum_tokens"]
    assert minimum.low <= truth.prefix_cache.minimum_tokens <= minimum.high
    # The ladder's rungs around 1,024 are 128 tokens apart.
    assert minimum.value == pytest.approx(truth.prefix_cache.minimum_tokens, rel=max(rel, 0.1))
    assert parts["ttl_s"].status == "at_least"
    assert parts["ttl_s"].value <= truth.prefix_cache.ttl_s
    assert parts["capacity_tokens"].status == "not_probed"
    rate = truth.prefix_cache.reuse_tokens_per_s
    assert parts["reuse_tokens_per_s"].status == ("absent" if math.isinf(rate) else "measured")
    assert found.profile.prefix_cache.reuse_tokens_per_s == pytest.approx(rate, rel=rel)
