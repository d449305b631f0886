"""Evaluations put together by hand, so that a test knows every number in them."""

from __future__ import annotations

from dataclasses import replace

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.observations import Identity, Measured, Observation
from labtools.evaluation.settings import Settings
from labtools.records import CallError, CallRecord

BARE = Settings(
    contexts=(), concurrency=(), open_loop_calls=0, interference_runs=0, prefix_rounds=0,
    structured_calls=0, cold_schemas=0, chain_steps=0,
)  # fmt: skip
ALL = Abilities.all("max_tokens")


def a_record(ttft_s=0.2, output_tokens=11, step_s=0.01, sent_at=0.0, **more):
    """A stream of a token a chunk that ends with its last one."""
    chunks = tuple(sent_at + ttft_s + n * step_s for n in range(output_tokens))
    values = {
        "model": "m",
        "sent_at": sent_at,
        "ended_at": chunks[-1],
        "chunks_at": chunks,
        "first_output_at": chunks[0],
        "input_tokens": 1_000,
        "output_tokens": output_tokens,
        "cached_tokens": 0,
        "finish_reason": "stop",
        "content": "word " * output_tokens,
    }
    return CallRecord(**{**values, **more})


def a_failure(kind="status", status=429, message="slow down", sent_at=0.0, retry_after_s=None):
    error = CallError(kind, message, status, retry_after_s)
    return CallRecord("m", sent_at, sent_at + 0.05, error=error)


def seen(axis, block, label, record, lane=0, place=0, **at):
    return Observation(axis, block, label, lane, place, record, at)


def at_context(tokens, *ttfts_s, **more):
    """Lone calls at one length, a block each."""
    return [
        seen("context", f"context/{tokens}/{n}", "cold",
             a_record(ttft_s, input_tokens=tokens, **more), input_tokens=tokens)
        for n, ttft_s in enumerate(ttfts_s)
    ]  # fmt: skip


def measured(*observations, settings=BARE, abilities=ALL, clock="wall", name="acme", **more):
    identity = Identity(name, "https://acme.test/v1", "m-1", clock, "0.1.0", settings)
    kept = tuple(sorted(observations, key=lambda one: one.key))
    values = {
        "finished": frozenset(one.block for one in kept),
        "made": tuple(one.record for one in kept),
    }
    return Measured(identity, abilities, kept, **{**values, **more})


def prefix_rounds(cached_ttft_s, cached_tokens, rounds=8, label="repeat"):
    """Rounds of a cold call of 0.6 s at 3,000 tokens and one that comes back to it."""
    return [
        one
        for n in range(rounds)
        for one in (
            seen("prefix", f"prefix/{n}", "cold", a_record(0.6, input_tokens=3_000)),
            seen("prefix", f"prefix/{n}", label, a_record(
                cached_ttft_s, input_tokens=3_000, cached_tokens=cached_tokens), place=1),
        )
    ]  # fmt: skip


# TTFT = 0.1 s + tokens / 6,000 per second, exactly.
SLOPE = (*at_context(600, 0.2), *at_context(3_000, 0.6))


def crowd(clients, e2e_s, calls=1, **more):
    """One block of the closed loop whose calls take this long."""
    return [
        seen("concurrency", f"concurrency/{clients}", "call",
             a_record(e2e_s - 0.1, output_tokens=11, sent_at=n * e2e_s, **more),
             lane=lane, place=n, clients=clients)
        for lane in range(clients) for n in range(calls)
    ]  # fmt: skip


def structured_rounds(count, ttft_s=0.2, step_s=0.01, form="tool_call", answer=None):
    """Rounds of a freeform call (0.2 s, 10 ms a token) and one of another form."""
    free = a_record(0.2)
    bound = replace(a_record(ttft_s, step_s=step_s), **(answer or {}))
    return [
        one
        for n in range(count)
        for one in (
            seen("structured", f"structured/{n}", "freeform", free),
            seen("structured", f"structured/{n}", form, bound, place=1),
        )
    ]


def a_chain(*steps, run=0):
    """A run of the chain from its steps' records."""
    return [
        seen("chain", f"chain/{run}", "step", record, place=n, step=n + 1)
        for n, record in enumerate(steps)
    ]
