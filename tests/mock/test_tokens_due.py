"""The token times against a second implementation, which waits for every token."""

import asyncio
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labtools.clock import SimLoop
from labtools.mock.engine import Engine
from labtools.model.profile import LatencyProfile

PROFILE = LatencyProfile("p", decode_tokens_per_s=100, batch_penalty=1.0)


async def waited_for(sequence, total, stall_s):
    """When each token comes to somebody who decides every step and sleeps through it."""
    loop, replica = asyncio.get_running_loop(), sequence._replica
    at, anchor_at, anchor, step_s = [loop.time()], sequence.first_token_at, 1, 0.0
    for reached in range(1, total):
        current_s = replica.step_s(sequence._structured, sequence._pace)
        if current_s != step_s:
            anchor_at += (reached - anchor) * step_s
            anchor, step_s = reached, current_s
        if stall_s and reached == max(1, total // 2):
            anchor_at += stall_s
        await asyncio.sleep(anchor_at + (reached + 1 - anchor) * step_s - loop.time())
        at.append(loop.time())
    return at


async def computed(sequence, total, stall_s):
    tokens = sequence.decode(total, stall_s)
    try:
        await tokens.ended()
    finally:
        tokens.advance(asyncio.get_running_loop().time())
    return tokens.instants


def run(profile, calls, decode):
    """(instants, when the slot was free) of each call; None for one that was cancelled."""
    loop = SimLoop()

    async def generate(number, call):
        await asyncio.sleep(call["after_s"])
        schema = b"s" if call["structured"] else None
        prompt, rng = "ab" * call["half_prompt"], random.Random(number)
        async with engine.sequence(prompt, rng, schema=schema, choices=call["choices"]) as sequence:
            await sequence.prefill()
            at = await decode(sequence, call["steps"], call["stall_s"])
        return at, loop.time()

    async def together():
        tasks = [loop.create_task(generate(*numbered)) for numbered in enumerate(calls)]
        for task, call in zip(tasks, calls, strict=True):
            if call["leaves_at"] is not None:
                loop.call_later(call["leaves_at"], task.cancel)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return [None if isinstance(result, asyncio.CancelledError) else result for result in done]

    engine = Engine(profile)
    try:
        return loop.run_until_complete(together())
    finally:
        loop.close()


# Drawn from a continuum, and with steps that take time, so that nothing but what follows from the
# model falls on one instant.
instants = st.integers(0, 2**32).map(lambda seed: 2 * random.Random(seed).random())
profiles = st.builds(
    LatencyProfile,
    st.just("p"),
    decode_tokens_per_s=st.sampled_from([100, 60, 37.3, 1000]),
    rtt_s=st.sampled_from([0.0, 0.0123]),
    overhead_s=st.sampled_from([0.0, 0.05]),
    prefill_tokens_per_s=st.sampled_from([math.inf, 4000]),
    batch_penalty=st.sampled_from([0.0, 0.1, 1.0]),
    max_batch=st.sampled_from([None, 1, 2, 4]),
    replicas=st.sampled_from([1, 2]),
    structured_factor=st.sampled_from([1.0, 1.5]),
    jitter_sigma=st.sampled_from([0.0, 0.3]),
    attention_pairs_per_s=st.sampled_from([math.inf, 1e6]),
    decode_context_tokens_per_s=st.sampled_from([math.inf, 1e5]),
)
workloads = st.lists(
    st.fixed_dictionaries(
        {
            "after_s": st.one_of(st.just(0.0), instants),
            "steps": st.integers(1, 40),
            "half_prompt": st.sampled_from([0, 100, 1000, 2001]),
            "structured": st.booleans(),
            "choices": st.sampled_from([1, 1, 2]),
            "stall_s": st.sampled_from([0.0, 0.0, 0.5]),
            "leaves_at": st.one_of(st.none(), st.none(), instants),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=100)
@given(profiles, workloads)
def test_every_instant_is_that_of_somebody_who_waits_for_each_token(profile, calls):
    assert run(profile, calls, computed) == run(profile, calls, waited_for)


def test_an_event_is_a_change_and_not_a_token(monkeypatch):
    """Two streams of a thousand tokens: each joins and leaves, and nothing else happens."""
    turns = 0
    run_once = SimLoop._run_once

    def counted(loop):
        nonlocal turns
        turns += 1
        run_once(loop)

    monkeypatch.setattr(SimLoop, "_run_once", counted)
    call = {"after_s": 0.0, "half_prompt": 0, "structured": False, "choices": 1, "stall_s": 0.0}
    (first, _), (second, _) = run(
        PROFILE, [{**call, "steps": 1000, "leaves_at": None} for _ in range(2)], computed
    )
    assert first[-1] == second[-1] == pytest.approx(999 * 0.02)
    assert turns < 40


def test_a_stream_that_leaves_speeds_up_the_steps_that_begin_from_then_on():
    call = {"half_prompt": 0, "structured": False, "choices": 1, "stall_s": 0.0, "after_s": 0.0}
    calls = [
        {**call, "steps": 5, "leaves_at": None},
        {**call, "steps": 100, "leaves_at": 0.03},  # in the middle of a step of 0.02 s
    ]
    (at, _), gone = run(PROFILE, calls, computed)
    assert gone is None
    assert at == pytest.approx([0.0, 0.02, 0.04, 0.05, 0.06])


def test_a_stream_ends_that_somebody_elses_event_has_brought_to_its_end():
    profile = LatencyProfile("p", decode_tokens_per_s=math.inf, batch_penalty=0.1)
    call = {"half_prompt": 0, "structured": False, "choices": 1, "stall_s": 0.0, "after_s": 0.0}
    calls = [{**call, "steps": steps, "leaves_at": None} for steps in (2, 1)]
    assert run(profile, calls, computed) == [([0.0, 0.0], 0.0), ([0.0], 0.0)]
