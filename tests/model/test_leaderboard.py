"""Alike on a leaderboard, three times apart for an agent: the one computed, the other measured."""

import asyncio

import pytest

from labtools import connect
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import Settings
from labtools.model.closed_loop import (
    CLIENTS,
    INPUT_TOKENS,
    LARCH,
    OUTPUT_TOKENS,
    PROVIDERS,
    TOKENS_PER_S,
    throughput_per_s,
)

CHAINS_ONLY = Settings(
    contexts=(),
    concurrency=(),
    open_loop_calls=0,
    interference_runs=0,
    prefix_rounds=0,
    structured_calls=0,
    cold_schemas=0,
    chain_runs=1,
)


@pytest.mark.parametrize("profile", PROVIDERS, ids=lambda profile: profile.name)
def test_they_share_a_place_on_the_leaderboard(profile):
    assert throughput_per_s(profile) == pytest.approx(TOKENS_PER_S, rel=1e-9)


@pytest.mark.parametrize("profile", PROVIDERS, ids=lambda profile: profile.name)
def test_a_load_test_at_the_mock_gives_them_that_place(profile):
    async def client():
        for _ in range(4):
            await lab.call(input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS)

    async def load():
        await asyncio.gather(*(client() for _ in range(CLIENTS)))

    with connect("sim", profile=profile) as lab:
        trace = lab.run(load())
    tokens = 4 * CLIENTS * OUTPUT_TOKENS
    # All clients begin together, so during prefill nobody decodes; in the long run some always do.
    assert tokens / trace.duration_s == pytest.approx(TOKENS_PER_S, rel=0.01)


def test_for_an_agent_they_are_three_times_apart(tmp_path):
    labs = {profile.name: connect("sim", profile=profile) for profile in PROVIDERS}
    measured = evaluate(labs, tmp_path, CHAINS_ONLY, progress=False)
    chains_s = {
        name: sum(one.record.e2e_latency_s for one in results.on("chain"))
        for name, results in measured.items()
    }
    fastest = chains_s.pop(LARCH.name)
    assert all(2.8 < seconds / fastest < 3.2 for seconds in chains_s.values())
