"""What the recording proxy adds: TTFT and gaps of 32 streams through it, and directly, by turns.

    python benchmarks/proxy.py

The mock, the proxy and the agent are a process each. Asked: at most 1 ms at the median of each.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from labtools import CallRecord, LatencyProfile, connect
from labtools.mock.server import ServerProcess

STREAMS = 32
ROUNDS = 10
TOKENS = 50
APART_S = 0.02  # of one instant's requests each would wait for those before it, in any server
SERVED = LatencyProfile("served", decode_tokens_per_s=50, overhead_s=0.2)


def streams(base_url: str) -> tuple[CallRecord, ...]:
    """The calls of one round, all under way together."""
    with connect(base_url, model="served", api_key="none") as lab:

        async def agent() -> None:
            async def stream(number: int) -> None:
                await asyncio.sleep(number * APART_S)
                await lab.call("stream", output_tokens=TOKENS)

            await asyncio.gather(*map(stream, range(STREAMS)))

        return lab.run(agent()).calls


def medians_s(calls: list[CallRecord]) -> tuple[float, float]:
    """Median TTFT, median gap."""
    ttft_s = [call.ttft_s for call in calls if call.ttft_s is not None]
    return median(ttft_s), median(gap_s for call in calls for gap_s in call.itl_s)


def main() -> None:
    """Print both, and what the proxy adds."""
    server = ServerProcess({"served": SERVED})
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run.jsonl"
        command = ["record", "--upstream", server.base_url, "--out", str(out)]
        proxy = subprocess.Popen(
            [sys.executable, "-m", "labtools", *command], stdout=subprocess.PIPE, text=True
        )
        assert proxy.stdout
        through = proxy.stdout.readline().split()[2]
        calls: dict[str, list[CallRecord]] = {"direct": [], "proxy": []}
        try:
            for _ in range(ROUNDS):
                calls["direct"] += streams(server.base_url)
                calls["proxy"] += streams(through)
        finally:
            proxy.terminate()
            proxy.communicate()
            server.stop()
    found = {name: medians_s(each) for name, each in calls.items()}
    for name, (ttft_s, gap_s) in found.items():
        print(f"{name}: TTFT {1e3 * ttft_s:.2f} ms, gap {1e3 * gap_s:.3f} ms")
    pairs = zip(found["proxy"], found["direct"], strict=True)
    ttft_ms, gap_ms = (1e3 * (proxied - direct) for proxied, direct in pairs)
    print(f"the proxy adds {ttft_ms:.2f} ms to TTFT and {gap_ms:.3f} ms to a gap, at the median")


if __name__ == "__main__":
    main()
