"""What real inference does to latency: llama.cpp on random weights, on this machine.

    python benchmarks/engine_physics.py [SIZE]

SIZE is 2M, 15M (the default) or 100M. Trust the ratios: other work on the machine stretches all
figures, and the largest most. Needs the packages of `pip install -e ".[engine]"`.
"""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

from labtools import CallRecord, Lab, connect
from labtools.local_engine.model_file import CACHE_VARIABLE
from labtools.local_engine.settings import EngineSettings
from labtools.model.tokens import filler

ROUNDS = 5
CONTEXTS = (500, 1000, 2000, 4000, 8000)
PREFIX_TOKENS = 4000
LONG_TEXT = {"type": "string", "minLength": 300, "maxLength": 400}
SCHEMA = {"type": "object", "properties": {"text": LONG_TEXT}, "required": ["text"]}
AS_SCHEMA = {"type": "json_schema", "json_schema": {"name": "text", "schema": SCHEMA}}

rng = random.Random(0)


def ms(seconds: list[float]) -> str:
    return " / ".join(f"{1e3 * one:.0f}" for one in seconds)


def prompt(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def ttft_s(record: CallRecord) -> float:
    assert record.ttft_s is not None, record.error
    return record.ttft_s


def gaps_s(record: CallRecord) -> list[float]:
    return [after - before for before, after in pairwise(record.chunks_at)]


async def medians(measure: Callable[[], Awaitable[list[float]]]) -> list[float]:
    """The median of each of the figures that a round gives."""
    rounds = [await measure() for _ in range(ROUNDS)]
    return [statistics.median(figures) for figures in zip(*rounds, strict=True)]


async def contexts(lab: Lab) -> None:
    print("\nprompt tokens   TTFT cold / warm (ms)   cold, to that of 500")
    first_s = 0.0
    for tokens in CONTEXTS:

        async def cold_and_warm(tokens: int = tokens) -> list[float]:
            messages = prompt(filler(tokens, rng))
            return [ttft_s(await lab.call(messages=messages, output_tokens=1)) for _ in range(2)]

        found_s = await medians(cold_and_warm)
        first_s = first_s or found_s[0]
        print(f"{tokens:13d}   {ms(found_s):>21}   {found_s[0] / first_s:.1f}")


async def streams(lab: Lab) -> None:
    print("\nstreams   tokens/s each   to one alone")
    alone = 0.0
    for count in (1, 2, 4):

        async def rates(count: int = count) -> list[float]:
            calls = [lab.call(input_tokens=60, output_tokens=400) for _ in range(count)]
            found = await asyncio.gather(*calls)
            return [statistics.median(1 / statistics.mean(gaps_s(one)) for one in found)]

        (rate,) = await medians(rates)
        alone = alone or rate
        print(f"{count:7d}   {rate:13.0f}   {rate / alone:.2f}")


async def queue(lab: Lab) -> None:
    for clients in (4, 6):

        async def crowd(clients: int = clients) -> list[float]:
            calls = [lab.call(input_tokens=60, output_tokens=200) for _ in range(clients)]
            return sorted(map(ttft_s, await asyncio.gather(*calls)))

        found_s = await medians(crowd)
        print(f"\n{clients} clients on 4 slots: TTFT {ms(found_s)} ms")


async def shared_prefix(lab: Lab) -> None:
    async def waves() -> list[float]:
        prefix = filler(PREFIX_TOKENS, rng)
        await lab.call(messages=prompt(prefix), output_tokens=1)
        found = []
        for wave in range(2):
            calls = [
                lab.call(messages=prompt(f"{prefix} {wave} {number}"), output_tokens=1)
                for number in range(4)
            ]
            records = await asyncio.gather(*calls)
            hits = sum((one.cached_tokens or 0) > PREFIX_TOKENS / 2 for one in records)
            found += [hits, *sorted(map(ttft_s, records))]
        return found

    hits, *first_s, hits_again, a, b, c, d = await medians(waves)
    print(f"\nfour at once on one warm prefix of {PREFIX_TOKENS}: {hits:.0f} found it,", end=" ")
    print(f"TTFT {ms(first_s)} ms")
    print(f"the same four again: {hits_again:.0f} found it, TTFT {ms([a, b, c, d])} ms")


EDITS: dict[str, Callable[[str], str]] = {
    "none": lambda text: text,
    "at the end": lambda text: f"{text}new words",
    "in the middle": lambda text: f"{text[: len(text) // 2]}new words {text[len(text) // 2 :]}",
    "at the front": lambda text: f"new words {text}",
}


async def edits(lab: Lab) -> None:
    print("\nedit          cached   TTFT (ms)")
    for name, edit in EDITS.items():

        async def after(edit: Callable[[str], str] = edit) -> list[float]:
            text = filler(PREFIX_TOKENS, rng)
            await lab.call(messages=prompt(text), output_tokens=1)
            record = await lab.call(messages=prompt(edit(text)), output_tokens=1)
            return [(record.cached_tokens or 0) / (record.input_tokens or 1), ttft_s(record)]

        share, seconds = await medians(after)
        print(f"{name:13} {share:6.0%}   {1e3 * seconds:.0f}")


async def schema(lab: Lab) -> None:
    async def both() -> list[float]:
        free = await lab.call(input_tokens=500, max_tokens=100)
        bound = await lab.call(input_tokens=500, max_tokens=100, response_format=AS_SCHEMA)
        steps = [statistics.mean(gaps_s(one)) for one in (free, bound)]
        return [*steps, ttft_s(free), ttft_s(bound)]

    free_s, bound_s, first_s, bound_first_s = await medians(both)
    print(f"\na JSON schema: a token takes {bound_s / free_s:.2f} times as long,", end=" ")
    print(f"TTFT {1e3 * (bound_first_s - first_s):+.0f} ms")


async def interrupted(lab: Lab) -> list[float]:
    """The running stream's usual gap, its worst, and the long prompt's TTFT."""
    running = asyncio.create_task(lab.call(input_tokens=60, output_tokens=3000))
    await asyncio.sleep(0.3)
    arriving = await lab.call(input_tokens=8000, output_tokens=1)
    gaps = gaps_s(await running)
    return [statistics.median(gaps), max(gaps), ttft_s(arriving)]


def start_up(size: str) -> None:
    for state in ("without weights", "with weights"):
        started_at = time.perf_counter()
        with connect("engine", engine=EngineSettings(size)) as lab:

            async def first(lab: Lab = lab) -> CallRecord:
                return await lab.call(input_tokens=60, output_tokens=1)

            record = lab.run(first()).result
            ready_s = time.perf_counter() - started_at
            print(f"start-up {state}: {ready_s:.1f} s to the first token ({record.error or 'ok'})")


def main() -> None:
    size = sys.argv[1] if len(sys.argv) > 1 else "15M"
    settings = EngineSettings(size)
    print(f"{size}, {settings.threads} thread(s), {settings.slots} slots")
    with tempfile.TemporaryDirectory() as empty:
        os.environ[CACHE_VARIABLE] = empty
        start_up(size)
        for part in (contexts, streams, queue, shared_prefix, edits, schema):
            with connect("engine", engine=settings) as lab:
                lab.run(part(lab))
        print("\nan 8k prompt beside a stream: its gap usual / worst, the prompt's TTFT (ms)")
        for batch in (2048, 512, 128):
            smaller = EngineSettings(size, batch=batch, ubatch=min(batch, 512))
            with connect("engine", engine=smaller) as lab:

                async def rounds(lab: Lab = lab) -> list[float]:
                    return await medians(lambda: interrupted(lab))

                usual_s, worst_s, prompt_s = lab.run(rounds()).result
                figures = f"{1e3 * usual_s:.1f} / {1e3 * worst_s:.0f}, {1e3 * prompt_s:.0f}"
                print(f"batch {batch:5d}: {figures}")


if __name__ == "__main__":
    main()
