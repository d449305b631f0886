"""The figures say in words what they draw."""

from __future__ import annotations

import asyncio
import re

import pytest

from labtools import connect
from labtools.course.parallel_calls import figures
from labtools.errors import NothingMeasured
from labtools.model.named_profiles import FAST
from labtools.model.profile import RateLimits


@pytest.fixture
def lab():
    with connect("sim", profile=FAST.but(rate_limits=RateLimits(requests_per_minute=3))) as lab:
        yield lab


async def reads(lab, calls):
    await asyncio.gather(*(lab.call("read", output_tokens=130) for _ in range(calls)))


def test_side_by_side_tells_calls_and_seconds(lab):
    figure = figures.side_by_side({"at\nonce": lab.run(reads(lab, 3))}, "Reads.")
    assert "at once, 3 calls in 0.80 s" in figure.alt
    assert figure.caption == "Reads."


def test_a_refused_call_can_be_drawn(lab):
    trace = lab.run(reads(lab, 5))
    assert "5 calls in 0.80 s" in figures.side_by_side({"burst": trace}).alt
    assert "burst, 5 requests sent, 2 refused" in figures.requests_sent({"burst": trace}).alt


def test_a_run_without_calls_cannot_be_drawn(lab):
    async def nothing():
        await lab.tool("sleep", 1.0)

    with pytest.raises(NothingMeasured, match="'idle' made no call"):
        figures.side_by_side({"idle": lab.run(nothing())})


def test_the_other_figures_tell_their_numbers():
    assert "1.57 times with 2" in figures.jitter_speedup([0.5], {2: 1.57}, 0.5).alt
    curves = {"ideal": {1: 0.8, 2: 0.8}, "one at a time": {1: 0.8, 2: 1.6}}
    assert "At 2: ideal: 0.80 s; one at a time: 1.60 s" in figures.wall_clock(curves, 0.8).alt
    tails = figures.tails({"plain": [0.8] * 98 + [5.0] * 2, "hedged": [0.8] * 98 + [1.8] * 2}, 0.9)
    assert "plain, p99 5.00 s" in tails.alt
    assert "hedged, p99 1.80 s" in tails.alt


def test_reads_are_counted_in_whole_numbers():
    drawn = figures.wall_clock({"in a row": {k: 0.8 * k for k in range(1, 17)}}, 0.8)
    before_the_heights = drawn.svg.partition('<g id="matplotlib.axis_2">')[0]
    assert re.findall(r">([\d.]+)</text>", before_the_heights) == [str(k) for k in range(2, 17, 2)]
