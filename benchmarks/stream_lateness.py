"""How late the mock's streams end, beside the least that can stream (`reference_server.py`).

    python benchmarks/stream_lateness.py [STREAMS ...]

Each of so many clients (default: 1 32 128) opens a connection and reads four streams of 100 tokens
one after another. The clients begin spread over one stream's length. A stream is late by when its
last token comes, less when it was due. CPU is the server's own, where /proc tells it.
"""

import asyncio
import os
import statistics
import sys
from pathlib import Path

import httpx2
import reference_server
from reference_server import STEP_S, TOKENS, TTFT_S

from labtools.mock.server import ServerProcess
from labtools.model.profile import LatencyProfile

STREAMS_A_CLIENT = 4
DUE_S = TTFT_S + (TOKENS - 1) * STEP_S
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "go"}], "stream": true}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(
    BODY
)
TOKEN, END = b'"delta": {"content": ', b"0\r\n\r\n"


class Reader(asyncio.Protocol):
    """Reads one stream after another, and keeps how late each one's last token was."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.late_s: list[float] = []
        self.done = self.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.tokens, self.rest = 0, b""
        self.asked_at = self.loop.time()
        self.transport.write(HEAD + BODY)

    def data_received(self, data: bytes) -> None:
        now = self.loop.time()
        if not (self.tokens or self.rest or data.startswith(b"HTTP/1.1 200")):
            self.done.set_exception(RuntimeError(f"not a stream: {data[:200]!r}"))
            return self.transport.abort()
        data = self.rest + data
        found = data.count(TOKEN)
        self.tokens += found
        self.rest = data[-len(TOKEN) + 1 :]
        if found and self.tokens == TOKENS:
            self.late_s.append(now - self.asked_at - DUE_S)
        if not data.endswith(END):
            return
        if len(self.late_s) < STREAMS_A_CLIENT:
            self.ask()
        else:
            self.transport.close()
            self.done.set_result(None)


async def read(url: str, streams: int) -> list[float]:
    """How late each stream was, in seconds, with `streams` of them at a time."""
    address = httpx2.URL(url)

    async def client(number: int) -> list[float]:
        await asyncio.sleep(DUE_S * number / streams)
        loop = asyncio.get_running_loop()
        _, reader = await loop.create_connection(Reader, address.host, address.port or 80)
        await reader.done
        return reader.late_s

    found = await asyncio.gather(*(client(number) for number in range(streams)))
    return [late_s for one in found for late_s in one]


def cpu_s(pid: int) -> float | None:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(name: str, url: str, pid: int, streams: int) -> None:
    before_s = cpu_s(pid)
    late_ms = [late_s * 1e3 for late_s in asyncio.run(read(url, streams))]
    middle, p99 = statistics.median(late_ms), statistics.quantiles(late_ms, n=100)[98]
    cpu = "-"
    if before_s is not None:
        spent_s = (cpu_s(pid) or 0.0) - before_s
        cpu = f"{spent_s * 1e6 / (len(late_ms) * TOKENS):.0f}"
    print(f"{streams:7} {name:10} {middle:9.1f} {p99:9.1f} {cpu:>14}", flush=True)


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or [1, 32, 128]
    profile = LatencyProfile("m", decode_tokens_per_s=1 / STEP_S, overhead_s=TTFT_S)
    mock = ServerProcess({"m": profile})
    print(f"{'streams':>7} {'server':10} {'late, p50':>9} {'p99 (ms)':>9} {'CPU us a token':>14}")
    try:
        with reference_server.running() as (url, pid):
            for streams in counts:
                measure("reference", url, pid, streams)
                measure("labtools", mock.base_url, mock.pid, streams)
    finally:
        mock.stop()


if __name__ == "__main__":
    main()
