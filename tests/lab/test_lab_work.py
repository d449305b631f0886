"""`lab.work`: real work, charged what it is modelled to take."""

from __future__ import annotations

import asyncio

import pytest

from labtools import connect


def fail() -> None:
    raise ValueError("no such file")


def test_simulated_time_stands_still_for_the_work_and_is_then_charged() -> None:
    with connect("sim") as lab:

        async def agent() -> int:
            loop = asyncio.get_running_loop()
            found = await lab.work("count", lambda: sum(range(1000)), modelled_s=3.0)
            assert loop.time() == 3.0
            return found

        trace = lab.run(agent())
    assert trace.result == 499_500
    (span,) = trace.spans
    assert (span.name, span.kind, span.duration_s, span.error) == ("count", "tool", 3.0, None)


def test_work_side_by_side_overlaps() -> None:
    with connect("sim") as lab:

        async def agent() -> None:
            await asyncio.gather(
                lab.work("one", lambda: None, modelled_s=3.0),
                lab.work("two", lambda: None, modelled_s=2.0),
            )

        assert lab.run(agent()).duration_s == 3.0


def test_what_the_work_raises_is_raised_and_marks_the_step() -> None:
    with connect("sim") as lab:

        async def agent() -> None:
            with pytest.raises(ValueError, match="no such file"):
                await lab.work("read", fail, modelled_s=3.0)

        trace = lab.run(agent())
    assert trace.spans[0].error == "ValueError: no such file"
    assert trace.duration_s == 0.0
