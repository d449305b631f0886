"""The figures say in words what they show."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from labtools import connect
from labtools.course.multiplier import figures
from labtools.lab.trace import Trace


def run(calls: int) -> Trace:
    with connect("sim", profile="fast") as lab:

        async def agent() -> None:
            for _ in range(calls):
                await lab.call("step", output_tokens=100)

        return lab.run(agent())


@pytest.mark.parametrize(
    ("names", "alt", "caption"),
    [
        (["a"], "One timeline of the same 2 calls", "in one run."),
        (["a", "b"], "Two timelines of the same 2 calls", "in two runs."),
        (["a", "b", "c"], "Three timelines of the same 2 calls", "in three runs."),
        (list("abcde"), "5 timelines of the same 2 calls", "in 5 runs."),
    ],
)
def test_a_race_counts_its_runs(names: list[str], alt: str, caption: str) -> None:
    trace = run(2)
    figure = figures.race(dict.fromkeys(names, trace))
    assert figure.alt.startswith(alt)
    assert figure.caption.endswith(caption)
    assert all(f"1.3 s on {name}" in figure.alt for name in names)


def test_amdahl_tells_both_readings_of_a_share() -> None:
    alt = figures.amdahl(4.0, 0.5, 0.75).alt
    assert "1.60 to 2.29 times faster with the share measured on the slow backend" in alt
    assert "2.50 to 3.25 times with it measured on the fast one" in alt


def test_the_race_is_as_slow_as_its_endpoints(sim: Any) -> None:
    """What the panes say on a clock that no test waits for."""
    widget = figures.race_live(("slow", "fast"), calls=2)
    button = widget.children[0].children[1]
    panes = [box.children[0] for box in widget.children[1].children]

    def said() -> list[str]:
        return [re.sub("<(/?b|div.*)>", "", pane.value.splitlines()[0]) for pane in panes]

    async def watch() -> list[list[str]]:
        button.click()
        seen = [said()]
        for seconds in (0.75, 0.55, 30):
            assert button.disabled
            await asyncio.sleep(seconds)
            seen.append(said())
        return seen

    assert sim.run(watch()) == [
        ["slow: 0 of 2 calls, 0.0 s", "fast: 0 of 2 calls, 0.0 s"],
        ["slow: 0 of 2 calls, 0.7 s", "fast: 1 of 2 calls, 0.7 s"],
        ["slow: 0 of 2 calls, 1.3 s", "fast: 2 of 2 calls, 1.3 s"],
        ["slow: 2 of 2 calls, 4.5 s", "fast: 2 of 2 calls, 1.3 s"],
    ]
    assert not button.disabled
