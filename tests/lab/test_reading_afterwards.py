"""The stopwatch reads when all is there, a loop around the SDK as it comes: the same instants."""

import asyncio
from itertools import pairwise

import httpx2
import openai
import pytest

from labtools.lab.stopwatch import timed_call
from labtools.mock.app import create_app
from labtools.mock.faults import Fault, FaultPlan
from labtools.model.profile import LatencyProfile

PROFILE = LatencyProfile("p", 60, overhead_s=0.15, batch_penalty=0.5)
ASKED = {"model": "p", "messages": [{"role": "user", "content": "hello"}]}
LONG = {"extra_body": {"mock": {"output_tokens": 100}}}


async def read_as_it_comes(client):
    """When the clock stood at each chunk that says something."""
    time, at = asyncio.get_running_loop().time, []
    async for chunk in await client.chat.completions.create(**ASKED, **LONG, stream=True):
        if chunk.choices and chunk.choices[0].delta.content:
            at.append(time())
    return at


def test_the_clock_is_right_at_each_chunk_and_the_stopwatch_has_the_same_instants(sim):
    watched = sim.run(read_as_it_comes(sim.mock(PROFILE)))
    began = watched[0] - PROFILE.ttft_s(1)
    record = sim.run(timed_call(sim.mock(PROFILE), **ASKED, **LONG))
    assert len(watched) == 100
    assert [at - began for at in watched] == pytest.approx(
        [at - record.sent_at for at in record.chunks_at[:100]], abs=1e-9
    )


def test_both_meet_what_others_do_to_their_steps(sim):
    client = sim.mock(PROFILE)

    async def beside_one_that_ends_first(reading):
        short = asyncio.create_task(
            timed_call(client, **ASKED, extra_body={"mock": {"output_tokens": 10}})
        )
        found = await reading
        await short
        return found

    watched = sim.run(beside_one_that_ends_first(read_as_it_comes(client)))
    record = sim.run(beside_one_that_ends_first(timed_call(client, **ASKED, **LONG)))
    gaps = [round(b - a, 6) for a, b in pairwise(watched)]
    assert sorted(set(gaps)) == [0.016667, 0.025]
    assert [round(gap_s, 6) for gap_s in record.itl_s[:99]] == gaps


@pytest.mark.parametrize("reader", ["stopwatch", "loop"])
def test_a_pause_longer_than_the_timeout_ends_the_call_at_the_timeout_and_frees_the_slot(
    sim, reader
):
    app = create_app({"p": PROFILE}, faults=FaultPlan({1: Fault("stall", 30)}))
    client = sim.client(app).with_options(timeout=5)
    began = sim.now
    if reader == "stopwatch":
        error = sim.run(timed_call(client, **ASKED, **LONG)).error
        assert error is not None
        assert error.kind == "timeout"
    else:
        with pytest.raises((openai.APITimeoutError, httpx2.ReadTimeout)):
            sim.run(read_as_it_comes(client))
    # The stopwatch bounds the whole call, the SDK each silence.
    silent_from_s = 0.0 if reader == "stopwatch" else PROFILE.ttft_s(1) + 49 / 60
    assert sim.now - began == pytest.approx(silent_from_s + 5, abs=1e-6)
    assert app.state.endpoint.engines["p"].active == 0
