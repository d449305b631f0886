"""Evaluations that are small enough for a unit test, and their results without absolute times."""

from __future__ import annotations

from dataclasses import replace

from labtools.clock import elapsed_s
from labtools.evaluation.observations import Observation
from labtools.evaluation.settings import Settings
from labtools.model.profile import LatencyProfile, PrefixCache
from labtools.records import CallRecord

SMALL = Settings(
    contexts=(500, 1_000),
    context_calls=2,
    concurrency=(1, 3),
    calls_per_client=2,
    open_loop_calls=4,
    interference_runs=1,
    prefix_tokens=1_500,
    prefix_rounds=2,
    structured_calls=3,
    cold_schemas=2,
    chain_steps=3,
    chain_runs=1,
    chain_tokens=1_200,
    chain_growth_tokens=100,
)
EVERYTHING = LatencyProfile(
    "everything",
    decode_tokens_per_s=80,
    rtt_s=0.02,
    overhead_s=0.05,
    prefill_tokens_per_s=8_000,
    batch_penalty=0.1,
    max_batch=2,
    structured_factor=1.3,
    schema_compile_s=0.7,
    jitter_sigma=0.2,
    tail_probability=0.05,
    tail_factor=4,
    prefix_cache=PrefixCache(block_tokens=64, minimum_tokens=256),
)


def from_zero(record: CallRecord) -> CallRecord:
    """The record as if it had been sent when the clock read 0."""
    first = record.first_output_at
    return replace(
        record,
        sent_at=0.0,
        ended_at=elapsed_s(record.sent_at, record.ended_at),
        chunks_at=tuple(elapsed_s(record.sent_at, at) for at in record.chunks_at),
        first_output_at=None if first is None else elapsed_s(record.sent_at, first),
    )


def comparable(observations: tuple[Observation, ...]) -> list[Observation]:
    """What counts, whenever and at whatever attempt it was observed."""
    counted = (one for one in observations if one.axis != "warm_up")
    return [replace(one, record=from_zero(one.record), attempt=1) for one in counted]
