"""How much faster than the wall the simulated clock runs: the first lab's agent of twenty calls.

    python benchmarks/sim_speed.py

Prints, for each backend, simulated seconds, wall seconds (the median of five runs) and their ratio.
"""

import statistics
import time

from labtools import connect


def main() -> None:
    for profile in ("slow", "fast"):
        with connect("sim", profile=profile) as lab:

            async def agent() -> None:
                for _ in range(20):
                    await lab.call("tool_call", output_tokens=100)

            wall_s = []
            for _ in range(5):
                began = time.perf_counter()
                trace = lab.run(agent())
                wall_s.append(time.perf_counter() - began)
            simulated_s, typical_s = trace.duration_s, statistics.median(wall_s)
            print(
                f"{profile}: {simulated_s:.2f} s simulated in {typical_s:.3f} s, "
                f"{simulated_s / typical_s:.0f} times as fast"
            )


if __name__ == "__main__":
    main()
