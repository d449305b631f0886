"""What the measuring machine adds: how late its loop wakes, and what it computes for a call.

An instant is stamped when the loop gets to the bytes, so a loop that wakes late stamps late. On the
simulated clock both are nothing by construction, and are not measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from labtools.clock import SimLoop, cpu_time_s, elapsed_s

PERIOD_S = 0.010


@dataclass(slots=True)
class Load:
    """What the machine did while it was watched."""

    lateness_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


@asynccontextmanager
async def watched_loop() -> AsyncIterator[Load]:
    """Watch the running loop during the block."""
    load = Load()
    if isinstance(asyncio.get_running_loop(), SimLoop):
        yield load
        return
    cpu_before_s = cpu_time_s()
    watcher = asyncio.create_task(_watch(load))
    try:
        yield load
    finally:
        watcher.cancel()
        load.cpu_s = cpu_time_s() - cpu_before_s


async def _watch(load: Load) -> None:
    time = asyncio.get_running_loop().time
    while True:
        asked_at = time()
        await asyncio.sleep(PERIOD_S)
        load.lateness_s.append(max(0.0, elapsed_s(asked_at, time()) - PERIOD_S))
