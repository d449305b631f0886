"""How much faster than the wall the simulated clock runs.

    python benchmarks/sim_speed.py            the first lab's agent of twenty calls
    python benchmarks/sim_speed.py --fleet    up to 20,000 streams at once, on replicas of 32 slots

Prints simulated seconds, wall seconds (of the agent the median of five runs) and, for the fleet,
what a stream costs: the same, however many there are, as long as time is linear in the events.
"""

import asyncio
import dataclasses
import statistics
import sys
import time

from labtools import connect
from labtools.model.named_profiles import named_profile

SLOTS = 32


def agent() -> None:
    for profile in ("slow", "fast"):
        with connect("sim", profile=profile) as lab:

            async def twenty_calls() -> None:
                for _ in range(20):
                    await lab.call("tool_call", output_tokens=100)

            wall_s = []
            for _ in range(5):
                began = time.perf_counter()
                trace = lab.run(twenty_calls())
                wall_s.append(time.perf_counter() - began)
            simulated_s, typical_s = trace.duration_s, statistics.median(wall_s)
            print(
                f"{profile}: {simulated_s:.2f} s simulated in {typical_s:.3f} s, "
                f"{simulated_s / typical_s:.0f} times as fast"
            )


def fleet() -> None:
    for streams in (1_000, 5_000, 20_000):
        profile = dataclasses.replace(
            named_profile("fast"), max_batch=SLOTS, batch_penalty=0.02, replicas=streams // SLOTS
        )
        with connect("sim", profile=profile) as lab:

            async def at_once(lab=lab, streams=streams) -> None:
                calls = (lab.call("stream", output_tokens=100) for _ in range(streams))
                await asyncio.gather(*calls)

            began = time.perf_counter()
            trace = lab.run(at_once())
            wall_s = time.perf_counter() - began
            print(
                f"{streams:,} streams: {trace.duration_s:.2f} s simulated in {wall_s:.1f} s, "
                f"{wall_s / streams * 1e3:.2f} ms a stream"
            )


if __name__ == "__main__":
    fleet() if "--fleet" in sys.argv else agent()
