"""Prompts that take turns, that streams wait for, and prefixes that belong to a slot.

What a real engine on one machine shows (llama.cpp's server) and hardware apart for prefill and
decode does not.
"""

import asyncio
import math
import random
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labtools.clock import SimLoop
from labtools.errors import ConfigurationError
from labtools.mock.engine import Engine
from labtools.model.profile import LatencyProfile, PrefixCache

CHUNKED = LatencyProfile(
    "chunked", decode_tokens_per_s=100, prefill_tokens_per_s=1000, prefill_chunk_tokens=500
)


def prompt_of(tokens, letter="a"):
    return letter * (4 * tokens)


def exactly(seconds):
    return pytest.approx(seconds, abs=1e-7, rel=0)


async def generate(engine, steps, prompt="", after_s=0.0, seed=0):
    """(seconds to the first token, instants of all tokens, cached tokens)."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(after_s)
    sent_at, at = loop.time(), []
    async with engine.sequence(prompt, random.Random(seed)) as sequence:
        await sequence.prefill()
        tokens = sequence.decode(steps)
        await tokens.ended()
        at = tokens.instants
    return at[0] - sent_at, at, sequence.cached_tokens


def run(profile, *sequences):
    loop = SimLoop()

    async def together():
        engine = Engine(profile)
        return await asyncio.gather(*(generate(engine, *sequence) for sequence in sequences))

    try:
        return loop.run_until_complete(together())
    finally:
        loop.close()


# attention


@given(st.integers(1, 3000), st.integers(0, 3000), st.integers(1, 700))
def test_a_prompt_takes_the_same_in_one_piece_or_many(start, more, chunk):
    profile = CHUNKED.but(attention_pairs_per_s=2e6)
    edges = [*range(start, start + more, chunk), start + more]
    pieces = math.fsum(profile.compute_s(a, b) for a, b in pairwise(edges))
    assert pieces == pytest.approx(profile.compute_s(start, start + more), rel=1e-9)


def test_attention_makes_twice_the_prompt_more_than_twice_as_long():
    profile = LatencyProfile("p", 100, prefill_tokens_per_s=1000, attention_pairs_per_s=1e6)
    assert profile.ttft_s(1000) == pytest.approx(1 + 0.5)
    assert profile.ttft_s(2000) == pytest.approx(2 + 2.0)
    # The last thousand of two attend to all before them, whether or not those were cached.
    assert profile.ttft_s(2000, cached_tokens=1000) == pytest.approx(1 + 1.5)


# prompts take turns


@given(st.integers(0, 5000), st.integers(1, 30), st.integers(1, 3000))
def test_alone_it_takes_what_the_formula_says_whatever_the_chunk(tokens, steps, chunk):
    profile = CHUNKED.but(prefill_chunk_tokens=chunk, attention_pairs_per_s=3e6)
    [(ttft_s, at, _)] = run(profile, (steps, prompt_of(tokens)))
    assert ttft_s == pytest.approx(profile.ttft_s(tokens), abs=1e-6)
    assert at[-1] == pytest.approx(
        profile.e2e_latency_s(steps, tokens, stops_by_itself=False), abs=1e-6
    )


def test_prompts_longer_than_a_chunk_are_computed_one_after_the_other():
    profile = CHUNKED.but(prefill_chunk_tokens=1000)
    found = run(profile, *((1, prompt_of(1000, letter)) for letter in "abc"))
    assert [ttft_s for ttft_s, _, _ in found] == [exactly(s) for s in (1, 2, 3)]


def test_prompts_that_share_a_chunk_end_together():
    profile = CHUNKED.but(prefill_chunk_tokens=10_000)
    found = run(profile, *((1, prompt_of(1000, letter)) for letter in "abc"))
    assert [ttft_s for ttft_s, _, _ in found] == [exactly(3)] * 3


@pytest.mark.parametrize("turns", [0, 50])
def test_whoever_leaves_with_its_first_token_takes_no_step_however_many_turns_that_takes(
    sim, turns
):
    engine = Engine(CHUNKED.but(prefill_chunk_tokens=1000))

    async def first_token_at(letter):
        async with engine.sequence(prompt_of(1000, letter), random.Random(0)) as sequence:
            await sequence.prefill()
            for _ in range(turns):
                await asyncio.sleep(0)
            return sequence.first_token_at

    async def both():
        return await asyncio.gather(*map(first_token_at, "ab"))

    assert sim.run(both()) == [exactly(1), exactly(2)]


def test_what_is_left_of_a_chunk_goes_to_the_next_prompt():
    profile = CHUNKED.but(prefill_chunk_tokens=1500)
    found = run(profile, *((1, prompt_of(1000, letter)) for letter in "abc"))
    # 1000 of a and 500 of b; 500 of b and 1000 of c, while a is over.
    assert [ttft_s for ttft_s, _, _ in found] == [exactly(s) for s in (1.5, 3, 3)]


def test_a_prompt_that_arrives_during_a_chunk_waits_for_the_next():
    profile = CHUNKED.but(prefill_chunk_tokens=2000)
    found = run(profile, (1, prompt_of(2000)), (1, prompt_of(100, "b"), 0.5))
    assert [ttft_s for ttft_s, _, _ in found] == [exactly(2), exactly(1.6)]


def test_a_prompt_that_comes_as_the_last_one_ends_is_computed():
    profile = CHUNKED.but(prefill_chunk_tokens=1000)
    found = run(profile, (1, prompt_of(1000)), *((1, prompt_of(500, "b"), 1.0) for _ in range(3)))
    assert [ttft_s for ttft_s, _, _ in found] == [exactly(s) for s in (1, 1, 1, 1.5)]


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6), st.integers(1, 4000))
def test_together_they_take_as_long_as_one_after_the_other(lengths, chunk):
    profile = CHUNKED.but(prefill_chunk_tokens=chunk, attention_pairs_per_s=3e6)
    found = run(profile, *((1, prompt_of(n, chr(97 + i))) for i, n in enumerate(lengths)))
    ttfts_s = [ttft_s for ttft_s, _, _ in found]
    assert max(ttfts_s) == pytest.approx(sum(map(profile.ttft_s, lengths)), abs=1e-6)
    assert ttfts_s == sorted(ttfts_s)


def test_without_turns_they_do_not_disturb_each_other():
    apart = CHUNKED.but(prefill_chunk_tokens=None)
    found = run(apart, *((1, prompt_of(1000, letter)) for letter in "abc"))
    assert [ttft_s for ttft_s, _, _ in found] == [exactly(1)] * 3


@pytest.mark.parametrize("chunk", [100, 500, 2000])
def test_a_long_prompt_tears_gaps_as_long_as_its_chunks_into_a_stream(chunk):
    profile = CHUNKED.but(prefill_chunk_tokens=chunk)
    (_, at, _), (ttft_s, _, _) = run(profile, (600, ""), (1, prompt_of(2000), 1.003))
    gaps = [after - before for before, after in pairwise(at)]
    torn = [gap for gap in gaps if gap > 0.011]
    assert max(torn) == exactly(chunk / 1000 + 0.01)
    # The prompt waits for the end of a step, computes for 2 s, and lets the stream take a step
    # after each chunk.
    assert ttft_s == exactly(0.007 + 2 + 2000 / chunk * 0.01)
    assert sum(torn) == pytest.approx(ttft_s, abs=2 * (chunk / 1000 + 0.01))


@given(st.integers(1, 5), st.floats(0.001, 0.5))
def test_a_prompt_waits_for_the_end_of_the_step_in_which_it_arrives(streams, arrives_at):
    profile = CHUNKED.but(batch_penalty=0.5)
    step_s = profile.step_s(streams)
    assume(min(arrives_at % step_s, -arrives_at % step_s) > 1e-4 * step_s)
    running = [(200, "")] * streams
    *_, (ttft_s, _, _) = run(profile, *running, (1, prompt_of(100), arrives_at))
    rest_s = math.ceil(arrives_at / step_s) * step_s - arrives_at
    assert ttft_s == exactly(rest_s + 0.1 + step_s)


def test_the_next_prompt_waits_for_a_step_that_began_with_the_last_first_token():
    found = run(CHUNKED, (300, ""), (50, prompt_of(100), 1.003), (1, prompt_of(100, "b"), 1.127))
    # The first is computed from 1.01 to 1.11, and has its token after the step to 1.12.
    assert found[1][0] == exactly(1.12 - 1.003)
    assert found[2][0] == exactly(1.13 + 0.1 + 0.01 - 1.127)


def test_prompts_that_arrive_during_one_step_share_a_chunk():
    near = [(1, prompt_of(100, letter), 1.001 + i / 500) for i, letter in enumerate("abc")]
    _, *found = run(CHUNKED, (300, ""), *near)
    assert [at[0] for _, at, _ in found] == [exactly(1.01 + 0.3 + 0.01)] * 3
    # With no stream to end a step, the first is computed alone.
    found = run(CHUNKED, *near)
    assert [at[0] for _, at, _ in found] == [exactly(1.101), exactly(1.301), exactly(1.301)]


def test_a_stream_is_as_fast_again_when_the_prompt_is_done():
    (_, at, _), _ = run(CHUNKED, (300, ""), (1, prompt_of(1000), 1.003))
    assert at[-1] - at[-2] == exactly(0.01)


def test_sequences_that_wait_for_their_turn_slow_no_step():
    profile = CHUNKED.but(batch_penalty=1.0, prefill_chunk_tokens=50_000)
    (_, at, _), _ = run(profile, (20, ""), (1, prompt_of(10_000), 1.0))
    assert at[-1] == exactly(0.19)


def test_of_a_prompt_that_is_given_up_the_chunk_is_computed_and_no_more():
    async def give_up():
        engine = Engine(CHUNKED)
        first = asyncio.create_task(generate(engine, 1, prompt_of(5000)))
        second = asyncio.create_task(generate(engine, 3, prompt_of(1000, "b")))
        await asyncio.sleep(0.9)
        first.cancel()
        return await second

    loop = SimLoop()
    try:
        ttft_s, at, _ = loop.run_until_complete(give_up())
    finally:
        loop.close()
    assert ttft_s == exactly(2.0)
    assert at[-1] == exactly(2.02)


@given(st.integers(2, 5), st.integers(0, 999))
def test_streams_that_begin_together_keep_step_whatever_their_paces(streams, seed):
    profile = CHUNKED.but(prefill_chunk_tokens=10_000, jitter_sigma=0.5)
    loop = SimLoop()

    async def together():
        engine = Engine(profile)
        calls = (generate(engine, 20, prompt_of(10), seed=f"{seed}/{i}") for i in range(streams))
        return await asyncio.gather(*calls)

    try:
        found = loop.run_until_complete(together())
    finally:
        loop.close()
    assert len({at[-1] for _, at, _ in found}) == 1


# a prefix that belongs to a slot

SLOTS = LatencyProfile(
    "slots",
    decode_tokens_per_s=100,
    prefill_tokens_per_s=1000,
    prefill_chunk_tokens=100_000,
    max_batch=4,
    prefix_cache=PrefixCache(block_tokens=1, minimum_tokens=1, per_slot=True),
)


def cached(profile, *sequences):
    return [tokens for _, _, tokens in run(profile, *sequences)]


def test_of_four_at_once_on_a_warm_prefix_one_reuses_it():
    warm = prompt_of(1000)
    four = [(1, warm, 5.0)] * 4
    assert sorted(cached(SLOTS, (1, warm), *four)) == [0, 0, 0, 0, 999]
    shared = SLOTS.but(prefix_cache=PrefixCache(block_tokens=1, minimum_tokens=1))
    assert sorted(cached(shared, (1, warm), *four)) == [0, 999, 999, 999, 999]


def test_the_next_wave_finds_it_in_every_slot():
    warm = prompt_of(1000)
    waves = [(1, warm), *[(1, warm, 5.0)] * 4, *[(1, warm, 50.0)] * 4]
    assert cached(SLOTS, *waves)[5:] == [999] * 4


def test_a_slot_knows_its_last_prompt_and_no_other():
    one = SLOTS.but(max_batch=1)
    first, other = prompt_of(1000), prompt_of(1000, "b")
    assert cached(one, (1, first), (1, other, 5.0), (1, first, 10.0)) == [0, 0, 0]
    assert cached(SLOTS, (1, first), (1, other, 5.0), (1, first, 10.0)) == [0, 0, 999]


def test_a_slot_that_is_busy_keeps_its_prefix_to_itself():
    warm = prompt_of(1000)
    busy = [(1, warm), (2000, warm, 5.0), (1, warm, 8.0)]
    assert cached(SLOTS, *busy) == [0, 999, 0]


def test_slots_must_be_counted():
    with pytest.raises(ConfigurationError, match="max_batch"):
        SLOTS.but(max_batch=None)


@pytest.mark.parametrize("wrong", [{"prefill_chunk_tokens": 0}, {"attention_pairs_per_s": 0.0}])
def test_chunks_and_rates_above_zero(wrong):
    with pytest.raises(ConfigurationError):
        CHUNKED.but(**wrong)


# what a cached token takes

REUSING = SLOTS.but(
    overhead_s=0.2,
    prefix_cache=PrefixCache(block_tokens=1, minimum_tokens=1, reuse_tokens_per_s=5000),
)


def test_a_cached_token_is_not_free():
    prompt = prompt_of(1000)
    (cold_s, _, _), (warm_s, _, tokens) = run(REUSING, (1, prompt), (1, prompt, 5.0))
    assert tokens == 999
    assert cold_s == exactly(REUSING.ttft_s(1000)) == exactly(1.2)
    assert warm_s == exactly(REUSING.ttft_s(1000, 999)) == exactly(0.2 + 999 / 5000 + 0.001)


def test_a_prompt_that_is_looked_up_keeps_no_other_waiting():
    warm, other = prompt_of(1000), prompt_of(100, "b")
    *_, (ttft_s, _, _) = run(REUSING, (1, warm), (1, warm, 5.0), (1, other, 5.05))
    assert ttft_s == exactly(0.2 + 0.1)


def test_a_rate_of_reuse_above_zero():
    with pytest.raises(ConfigurationError, match="reuse_tokens_per_s"):
        PrefixCache(reuse_tokens_per_s=0)


# steps that read the context


def test_a_step_reads_the_prompts_of_all_that_decode():
    profile = LatencyProfile("p", 100, decode_context_tokens_per_s=1e5)
    assert profile.step_s(context_tokens=2000) == pytest.approx(0.01 + 0.02)
    [(_, at, _)] = run(profile, (10, prompt_of(2000)))
    assert at[-1] == exactly(9 * 0.03)
    assert at[-1] == exactly(profile.e2e_latency_s(10, 2000, stops_by_itself=False))
    two = [(10, prompt_of(1500)), (10, prompt_of(1500, "b"))]
    _, (_, at, _) = run(profile, *two)
    assert at[-1] == exactly(9 * 0.04)


def test_a_prompt_that_is_still_computed_is_not_read():
    profile = CHUNKED.but(decode_context_tokens_per_s=1e5, prefill_chunk_tokens=10_000)
    (_, at, _), _ = run(profile, (60, prompt_of(1000)), (1, prompt_of(2000, "b"), 1.0))
    assert sum(after - before for before, after in pairwise(at)) == exactly(59 * 0.02 + 2)
