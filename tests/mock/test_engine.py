"""The engine against the closed form, against a second simulation, and against its distribution.

Exact means to the nanosecond to which the clock rounds each wait.
"""

import asyncio
import heapq
import math
import random
import statistics
from collections import deque
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.clock import SimLoop, elapsed_s
from labtools.mock.engine import Engine
from labtools.model.profile import LatencyProfile, PrefixCache

PROFILE = LatencyProfile(
    "p", decode_tokens_per_s=100, rtt_s=0.01, overhead_s=0.05, prefill_tokens_per_s=4000
)


def exactly(seconds, waits=1):
    return pytest.approx(seconds, abs=1e-9 * waits, rel=0)


def prompt_of(tokens, letter="a"):
    return letter * (4 * tokens)


@dataclass
class Timed:
    """One sequence as a client would feel it: seconds since it was sent."""

    ttft_s: float
    e2e_s: float
    queue_s: float
    cached_tokens: int
    at: list[float]
    """Of each token, on the loop's clock."""


async def generate(
    engine, steps, *, prompt="", after_s=0.0, rng=None, later_s=0.0, stall_s=0.0, **options
):
    """A sequence of `steps` steps, sent `after_s` from now."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(after_s)
    sent_at = loop.time()
    rng = rng or random.Random(0)
    async with engine.sequence(prompt, rng, **options) as sequence:
        await sequence.prefill(later_s)
        first_at = loop.time()
        tokens = sequence.decode(steps, stall_s)
        await tokens.ended()
        return Timed(
            elapsed_s(sent_at, first_at),
            elapsed_s(sent_at, loop.time()),
            sequence.queue_s,
            sequence.cached_tokens,
            tokens.instants,
        )


def simulate(coroutine):
    loop = SimLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def run(profile, *sequences, seed=0):
    """What `sequences`, each the arguments of `generate`, took side by side."""

    async def together():
        engine = Engine(profile, seed)
        return await asyncio.gather(*(generate(engine, **options) for options in sequences))

    return simulate(together())


# alone: the closed form


@given(
    st.integers(1, 60),
    st.integers(0, 20_000),
    st.sampled_from([PROFILE, PROFILE.but(rtt_s=0.0, overhead_s=0.0), PROFILE.but(max_batch=1)]),
)
def test_a_lone_sequence_takes_what_the_formula_says(steps, input_tokens, profile):
    (timed,) = run(profile, {"steps": steps, "prompt": prompt_of(input_tokens)})
    assert timed.ttft_s == exactly(profile.ttft_s(input_tokens), 2)
    # `steps` counts the first token, which TTFT has paid for.
    expected = profile.e2e_latency_s(steps, input_tokens, stops_by_itself=False)
    assert timed.e2e_s == exactly(expected, 2)
    assert timed.queue_s == 0
    assert len(timed.at) == steps


def test_a_long_stream_does_not_drift():
    profile = LatencyProfile("p", decode_tokens_per_s=60)
    (timed,) = run(profile, {"steps": 5001})
    assert timed.e2e_s == exactly(5000 / 60)


def test_steps_that_take_no_time_come_as_one():
    (timed,) = run(LatencyProfile("p", decode_tokens_per_s=math.inf), {"steps": 50})
    assert timed.at == [0.0] * 50
    assert timed.e2e_s == 0


def test_one_step_needs_no_wait_after_the_prefill():
    (timed,) = run(PROFILE, {"steps": 1})
    assert timed.at == [timed.ttft_s]
    assert timed.e2e_s == timed.ttft_s


def test_the_round_trip_is_paid_once_and_not_multiplied_by_the_pace():
    near, far = PROFILE.but(rtt_s=0.0), PROFILE.but(rtt_s=0.3)
    (here,), (there,) = run(near, {"steps": 20}), run(far, {"steps": 20})
    assert there.ttft_s - here.ttft_s == exactly(0.3, 2)
    assert there.e2e_s - here.e2e_s == exactly(0.3, 2)


# schemas


def test_a_schema_is_compiled_once_and_slows_every_step():
    profile = PROFILE.but(schema_compile_s=2.0, structured_factor=1.5)

    async def three_times():
        engine = Engine(profile)
        first = await generate(engine, 11, schema=b"one")
        again = await generate(engine, 11, schema=b"one")
        other = await generate(engine, 11, schema=b"two")
        free = await generate(engine, 11)
        return first, again, other, free

    first, again, other, free = simulate(three_times())
    assert first.ttft_s == exactly(profile.ttft_s(0, new_schema=True), 2)
    assert other.ttft_s == first.ttft_s
    assert again.ttft_s == free.ttft_s == exactly(profile.ttft_s(0), 2)
    for timed in (first, again, other):
        assert timed.e2e_s - timed.ttft_s == exactly(10 * 1.5 / 100, 2)
    assert free.e2e_s - free.ttft_s == exactly(10 / 100, 2)


# together: queue and batch


def test_behind_a_full_batch_a_request_queues_and_the_queue_is_in_its_ttft():
    profile = PROFILE.but(max_batch=2)
    timed = run(profile, *({"steps": 11} for _ in range(5)))
    lone_s = PROFILE.ttft_s(0) + 10 / 100
    turn_s = lone_s - PROFILE.rtt_s  # the round trip is over when the queue begins
    waited = [0, 0, turn_s, turn_s, 2 * turn_s]
    assert [one.queue_s for one in timed] == [exactly(s, 4) for s in waited]
    assert [one.ttft_s for one in timed] == [exactly(PROFILE.ttft_s(0) + s, 4) for s in waited]
    assert [one.e2e_s for one in timed] == [exactly(lone_s + s, 4) for s in waited]


def test_the_queue_is_served_in_order_of_arrival():
    sequences = [{"steps": 5, "after_s": 0.001 * i, "prompt": str(i)} for i in range(6)]
    timed = run(PROFILE.but(max_batch=1), *sequences)
    first_tokens = [0.001 * i + one.ttft_s for i, one in enumerate(timed)]
    assert first_tokens == sorted(first_tokens)


def test_a_step_is_slower_by_the_penalty_for_each_further_sequence():
    profile = PROFILE.but(batch_penalty=0.25)
    for active in (1, 2, 5):
        for timed in run(profile, *({"steps": 11} for _ in range(active))):
            assert timed.e2e_s - timed.ttft_s == exactly(10 * profile.step_s(active), 2)


def test_a_sequence_that_joins_slows_the_steps_that_begin_after_it():
    profile = LatencyProfile("p", decode_tokens_per_s=100, batch_penalty=1.0)
    # Alone a step takes 10 ms, together 20 ms. The second joins at 35 ms, in the fourth step.
    first, second = run(profile, {"steps": 11}, {"steps": 3, "after_s": 0.035})
    assert second.e2e_s == exactly(2 * 0.020, 3)  # until 75 ms
    # 4 alone until 40 ms, 2 together until 80 ms (begun at 60 ms), the last 4 alone again.
    assert first.e2e_s == exactly(0.040 + 2 * 0.020 + 4 * 0.010, 4)


def second_simulation(profile, requests):
    """Event by event: (first token, last token) of each (arrival, input tokens, steps, slots)."""
    events, order = [], iter(range(10**9))
    waiting, active = deque(), 0
    capacity = profile.max_batch or math.inf
    found = [[None, None] for _ in requests]

    def at(when, kind, index, reached=0):
        heapq.heappush(events, (when, next(order), kind, index, reached))

    def admit(now):
        nonlocal active
        while waiting and (active + requests[waiting[0]][3] <= capacity or active == 0):
            index = waiting.popleft()
            active += requests[index][3]
            at(now + profile.prefill_s(requests[index][1]), "step", index, 1)

    for index, (arrival, *_) in enumerate(requests):
        at(arrival + profile.rtt_s, "arrival", index)
    while events:
        now, _, kind, index, reached = heapq.heappop(events)
        if kind == "arrival":
            waiting.append(index)
            admit(now)
            continue
        if reached == 1:
            found[index][0] = now
        if reached == requests[index][2]:
            found[index][1] = now
            active -= requests[index][3]
            admit(now)
        else:
            at(now + profile.step_s(active), "step", index, reached + 1)
    return found


@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 400), st.integers(1, 12), st.integers(1, 3)),
        min_size=1,
        max_size=7,
    ),
    st.none() | st.integers(1, 4),
    st.sampled_from([0.0, 0.3, 1.7]),
)
def test_any_mixture_runs_as_a_second_simulation_of_it(mixture, max_batch, penalty):
    # Odd offsets, so that no two things happen at one instant, where their order is free.
    requests = [
        (milliseconds / 1000 + index * 1.37e-5, tokens, steps, slots)
        for index, (milliseconds, tokens, steps, slots) in enumerate(mixture)
    ]
    profile = PROFILE.but(decode_tokens_per_s=97.3, batch_penalty=penalty, max_batch=max_batch)
    timed = run(
        profile,
        *(
            {"steps": steps, "prompt": prompt_of(tokens), "after_s": at, "choices": slots}
            for at, tokens, steps, slots in requests
        ),
    )
    for request, one, expected in zip(
        requests, timed, second_simulation(profile, requests), strict=True
    ):
        assert request[0] + one.ttft_s == pytest.approx(expected[0], abs=1e-7)
        assert request[0] + one.e2e_s == pytest.approx(expected[1], abs=1e-7)


def test_more_choices_than_slots_get_the_replica_to_themselves():
    wide, after = run(PROFILE.but(max_batch=2), {"steps": 5, "choices": 7}, {"steps": 5})
    assert wide.queue_s == 0
    assert after.queue_s == exactly(wide.e2e_s - PROFILE.rtt_s, 3)


# leaving


@pytest.mark.parametrize("moment_s", [0.005, 0.03, 0.2], ids=["on the way", "prefill", "decode"])
def test_a_sequence_that_is_left_frees_its_slot_at_once(moment_s):
    profile = PROFILE.but(max_batch=1)

    async def leave():
        engine = Engine(profile)
        leaving = asyncio.create_task(generate(engine, 100))
        await asyncio.sleep(moment_s)
        leaving.cancel()
        await asyncio.wait({leaving})
        return engine.active, await generate(engine, 1)

    active, timed = simulate(leave())
    assert active == 0
    assert timed.queue_s == 0


def test_leaving_the_queue_lets_the_next_one_in_its_place():
    profile = PROFILE.but(max_batch=1)

    async def give_up_waiting():
        engine = Engine(profile)
        first = asyncio.create_task(generate(engine, 11))
        await asyncio.sleep(0.02)
        impatient = asyncio.create_task(generate(engine, 1000))
        await asyncio.sleep(0.02)
        patient = asyncio.create_task(generate(engine, 1))
        await asyncio.sleep(0.02)
        impatient.cancel()
        await asyncio.wait({impatient})
        return engine.active, await first, await patient

    active, first, patient = simulate(give_up_waiting())
    assert active == 1
    assert patient.queue_s == exactly(first.e2e_s - 0.04 - profile.rtt_s, 4)


def test_being_let_in_and_cancelled_at_one_instant_does_not_lose_the_slot():
    profile = LatencyProfile("p", decode_tokens_per_s=100, max_batch=1)

    async def at_one_instant():
        engine = Engine(profile)
        first = asyncio.create_task(generate(engine, 2))
        second = asyncio.create_task(generate(engine, 2))
        third = asyncio.create_task(generate(engine, 2))
        await first
        second.cancel()  # its turn has come, and it has not run since
        await asyncio.wait({second})
        return second.cancelled(), await third, engine.active

    cancelled, third, active = simulate(at_one_instant())
    assert cancelled
    assert third.queue_s == exactly(0.01)
    assert active == 0


@given(st.permutations(range(5)), st.integers(1, 3))
def test_however_many_leave_at_one_instant_no_slot_is_lost(order, max_batch):
    profile = LatencyProfile("p", decode_tokens_per_s=100, max_batch=max_batch)

    async def all_at_once():
        engine = Engine(profile)
        tasks = [asyncio.create_task(generate(engine, 100)) for _ in range(5)]
        await asyncio.sleep(0.5)
        for index in order:
            tasks[index].cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        return engine.active, await generate(engine, 1)

    active, timed = simulate(all_at_once())
    assert active == 0
    assert timed.queue_s == 0


# faults in time


def test_a_slow_first_byte_and_a_stall_are_added_once():
    plain, slow, stalled = (
        run(PROFILE, {"steps": 21, **extra})[0] for extra in ({}, {"later_s": 3}, {"stall_s": 5})
    )
    assert slow.ttft_s == exactly(plain.ttft_s + 3, 2)
    assert slow.e2e_s == exactly(plain.e2e_s + 3, 2)
    assert stalled.ttft_s == plain.ttft_s
    assert stalled.e2e_s == exactly(plain.e2e_s + 5, 2)


# prefixes


CACHE = PrefixCache(block_tokens=128, minimum_tokens=1024)


def test_a_prompt_seen_before_pays_for_its_last_block_only():
    profile = PROFILE.but(prefix_cache=CACHE)

    async def twice():
        engine = Engine(profile)
        prompt = prompt_of(2000)
        return await generate(engine, 2, prompt=prompt), await generate(engine, 2, prompt=prompt)

    cold, warm = simulate(twice())
    assert (cold.cached_tokens, warm.cached_tokens) == (0, 15 * 128)
    assert cold.ttft_s == exactly(profile.ttft_s(2000), 2)
    assert warm.ttft_s == exactly(profile.ttft_s(2000, cached_tokens=1920), 2)


def test_a_prefix_is_there_for_others_when_its_prefill_is_done_and_not_before():
    profile = PROFILE.but(prefix_cache=CACHE)
    prompt = prompt_of(2000)
    together = run(profile, *({"steps": 2, "prompt": prompt} for _ in range(4)))
    assert [one.cached_tokens for one in together] == [0, 0, 0, 0]
    later = run(
        profile,
        {"steps": 2, "prompt": prompt},
        {"steps": 2, "prompt": prompt, "after_s": profile.ttft_s(2000)},
    )
    assert [one.cached_tokens for one in later] == [0, 1920]


def hit_rate(profile, prompts, **options):
    async def one_after_another():
        engine = Engine(profile)
        hits = [
            await generate(engine, 1, prompt=prompt, rng=engine.rng_for(prompt.encode()), **options)
            for prompt in prompts
        ]
        return sum(one.cached_tokens > 0 for one in hits)

    return simulate(one_after_another())


def test_with_sticky_replicas_a_prompt_returns_to_where_its_prefix_is():
    profile = PROFILE.but(prefix_cache=CACHE, replicas=8, sticky=True)
    assert hit_rate(profile, [prompt_of(2000)] * 40) == 39


def test_without_stickiness_it_hits_where_chance_has_been_before():
    # The n-th of 40 draws among 8 replicas hits one of those drawn before: 32 times on average.
    expected = 40 - 8 * (1 - (7 / 8) ** 40)
    profile = PROFILE.but(prefix_cache=CACHE, replicas=8, sticky=False)
    assert hit_rate(profile, [prompt_of(2000)] * 40) == pytest.approx(expected, abs=2)


def test_a_cache_key_sends_the_same_head_elsewhere():
    profile = PROFILE.but(prefix_cache=CACHE, replicas=64)

    async def with_keys():
        engine = Engine(profile)
        prompt = prompt_of(2000)
        await generate(engine, 1, prompt=prompt, cache_key="a")
        again = await generate(engine, 1, prompt=prompt, cache_key="a")
        other = [await generate(engine, 1, prompt=prompt, cache_key=f"b{i}") for i in range(4)]
        return again.cached_tokens, [one.cached_tokens for one in other]

    again, others = simulate(with_keys())
    assert again == 1920
    assert others == [0, 0, 0, 0]


def test_each_replica_has_slots_of_its_own():
    profile = PROFILE.but(max_batch=1, replicas=64)
    prompts = [prompt_of(300, letter) for letter in "abc"]
    timed = run(profile, *({"steps": 5, "prompt": prompt} for prompt in prompts))
    assert [one.queue_s for one in timed] == [0, 0, 0]


# chance


N = 4000


@cache
def paces(profile, seed=1):
    """The pace that each of N different requests draws, read off its TTFT."""
    base_s = profile.but(jitter_sigma=0.0, tail_probability=0.0).ttft_s(0)

    async def many():
        engine = Engine(profile, seed)
        rngs = [engine.rng_for(f"request {number}".encode()) for number in range(N)]
        return await asyncio.gather(*(generate(engine, 1, rng=rng) for rng in rngs))

    return [one.ttft_s / base_s for one in simulate(many())]


JITTERY = LatencyProfile("p", decode_tokens_per_s=100, overhead_s=1.0, jitter_sigma=0.4)


def test_jitter_is_lognormal_with_mean_one():
    drawn = paces(JITTERY)
    logs = [math.log(pace) for pace in drawn]
    sigma = JITTERY.jitter_sigma
    # Four standard errors: a right implementation fails one seed in sixteen thousand.
    assert statistics.fmean(logs) == pytest.approx(-(sigma**2) / 2, abs=4 * sigma / math.sqrt(N))
    assert statistics.stdev(logs) == pytest.approx(sigma, abs=4 * sigma / math.sqrt(2 * N))
    spread = math.sqrt(math.exp(sigma**2) - 1)
    assert statistics.fmean(drawn) == pytest.approx(1, abs=4 * spread / math.sqrt(N))


def test_the_whole_distribution_of_the_jitter_is_the_formulas():
    logs = sorted(math.log(pace) for pace in paces(JITTERY))
    normal = statistics.NormalDist(-(JITTERY.jitter_sigma**2) / 2, JITTERY.jitter_sigma)
    distance = max(abs((rank + 0.5) / N - normal.cdf(x)) for rank, x in enumerate(logs))
    assert distance < 1.63 / math.sqrt(N)  # Kolmogorov and Smirnov's bound at one in a hundred


def test_the_tail_comes_as_often_and_as_long_as_it_says():
    tail = LatencyProfile("p", 100, overhead_s=1.0, tail_probability=0.05, tail_factor=8.0)
    drawn = [round(pace, 6) for pace in paces(tail)]
    assert set(drawn) == {1.0, 8.0}
    share = drawn.count(8.0) / N
    assert share == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / N))


def test_the_pace_of_a_request_holds_for_its_steps_too():
    async def one():
        engine = Engine(JITTERY, 3)
        return await generate(engine, 101, rng=engine.rng_for(b"x"))

    timed = simulate(one())
    pace = timed.ttft_s
    assert pace != 1
    assert timed.e2e_s - timed.ttft_s == pytest.approx(pace * 1.0, abs=1e-6)


def test_profiles_differ_in_their_figures_and_not_in_their_luck():
    calm, wild = JITTERY, JITTERY.but(jitter_sigma=0.8, decode_tokens_per_s=10)
    for one, other in zip(paces(calm), paces(wild), strict=True):
        normal = (math.log(one) + 0.4**2 / 2) / 0.4
        assert (math.log(other) + 0.8**2 / 2) / 0.8 == pytest.approx(normal, abs=1e-5)


@given(st.permutations(range(6)), st.lists(st.integers(0, 50), min_size=6, max_size=6))
def test_a_seed_decides_every_digit_whatever_the_order_of_arrival(order, after_ms):
    profile = JITTERY.but(tail_probability=0.2, tail_factor=5, replicas=3, sticky=False)

    async def in_this_order():
        engine = Engine(profile, 7)
        rngs = {number: engine.rng_for(b"request %d" % number) for number in order}
        timed = await asyncio.gather(
            *(
                generate(engine, 5, rng=rngs[number], after_s=after_ms[number] / 1000)
                for number in order
            )
        )
        return {number: (one.ttft_s, one.e2e_s) for number, one in zip(order, timed, strict=True)}

    def in_turn():
        engine = Engine(profile, 7)
        return {
            number: simulate(generate(engine, 5, rng=engine.rng_for(b"request %d" % number)))
            for number in range(6)
        }

    found = simulate(in_this_order())
    for number, alone in in_turn().items():
        assert found[number] == (exactly(alone.ttft_s, 2), exactly(alone.e2e_s, 4))


def test_another_seed_draws_otherwise_and_so_does_the_same_request_again():
    assert paces(JITTERY, seed=1)[:5] != paces(JITTERY, seed=2)[:5]
    engine = Engine(JITTERY, 1)
    assert engine.rng_for(b"same").random() != engine.rng_for(b"same").random()
