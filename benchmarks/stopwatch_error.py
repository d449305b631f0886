"""How far the stopwatch is from the truth: `lab.call` against `reference_server.py`.

    python benchmarks/stopwatch_error.py [STREAMS ...]

The reference writes into each token when it sent it. The error of a reported instant is what the
record says, less what the token says; a loop around the plain SDK, which is what everybody writes
first, and the load probe on Locust are measured the same way beside it. CPU is the reader's own,
for each call.
"""

import asyncio
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import openai
import reference_server

from labtools import connect
from labtools.evaluation.load_test import LoadPlan, run_locust
from labtools.evaluation.load_test.command import read_load
from labtools.lab.budget import Budget
from labtools.records import CallRecord

CALLS_A_STREAM = 10
MESSAGES = [{"role": "user", "content": "go"}]
# For each token of a call: when it was sent, and when it is said to have come.
Instants = list[tuple[float, float]]


async def closed_loop(call: Callable[[], Awaitable[Instants]], streams: int) -> list[Instants]:
    async def client() -> list[Instants]:
        return [await call() for _ in range(CALLS_A_STREAM)]

    found = await asyncio.gather(*(client() for _ in range(streams)))
    return [instants for calls in found for instants in calls]


def with_stopwatch(url: str, streams: int) -> tuple[list[Instants], float]:
    with connect(url, model="m", budget=Budget.unlimited()) as lab:

        async def call() -> Instants:
            return instants_of(await lab.call(messages=MESSAGES))

        began_s = time.process_time()
        calls = lab.run(closed_loop(call, streams)).result
        return calls, time.process_time() - began_s


def with_sdk_loop(url: str, streams: int) -> tuple[list[Instants], float]:
    async def main() -> tuple[list[Instants], float]:
        async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:

            async def call() -> Instants:
                instants = []
                async for chunk in await client.chat.completions.create(
                    model="m", messages=MESSAGES, stream=True
                ):
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        instants.append((float(text), time.monotonic()))
                return instants

            await client.models.list()
            began_s = time.process_time()
            calls = await closed_loop(call, streams)
            return calls, time.process_time() - began_s

    return asyncio.run(main())


def with_locust(url: str, streams: int) -> tuple[list[Instants], float]:
    """The load probe, for as long as the others take: a call lasts 0.65 s."""
    seconds = math.ceil(CALLS_A_STREAM * 0.65)
    plan = LoadPlan(url, "m", users=streams, run_time_s=seconds, max_tokens=10**9)
    with tempfile.TemporaryDirectory() as folder:
        for note in run_locust(plan, Path(folder), "benchmark", "none"):
            print(note)
        measured = read_load(Path(folder), "benchmark").measured
    cpu_s = sum(one.cpu_s for one in measured.overheads)
    return [instants_of(record) for record in measured.made], cpu_s


def instants_of(record: CallRecord) -> Instants:
    sent_at = [float(text) for text in record.content.split()]
    return list(zip(sent_at, record.chunks_at, strict=True))


def report(name: str, streams: int, calls: list[Instants], cpu_s: float) -> None:
    first_ms = [(said_at - sent_at) * 1e3 for (sent_at, said_at), *_ in calls]
    gap_ms = [
        abs((said_at - said_before) - (sent_at - sent_before)) * 1e3
        for call in calls
        for (sent_before, said_before), (sent_at, said_at) in pairwise(call)
    ]
    p50, p95 = statistics.median(first_ms), statistics.quantiles(first_ms, n=20)[18]
    print(
        f"{streams:7} {name:9} {p50:15.2f} {p95:5.2f} {statistics.median(gap_ms):13.3f} "
        f"{cpu_s * 1e3 / len(calls):13.1f}",
        flush=True,
    )


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or [1, 8, 32]
    print("streams reader    first token p50   p95 ms   gap p50 ms   CPU ms a call")
    with reference_server.running() as (url, _):
        for streams in counts:
            report("labtools", streams, *with_stopwatch(url, streams))
            report("Locust", streams, *with_locust(url, streams))
            report("SDK loop", streams, *with_sdk_loop(url, streams))


if __name__ == "__main__":
    main()
