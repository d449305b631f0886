"""The least that can stream tokens on a schedule: what the benchmarks measure against.

150 ms to the first of 100 tokens, then one every 5 ms, on absolute deadlines; no parsing of the
request beyond its length, nothing computed, no checks. Each token's text is the instant at which
it was sent, on the monotonic clock that all processes of a machine share, so a reader on the same
machine can tell how late it noticed.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TTFT_S, STEP_S, TOKENS = 0.150, 0.005, 100

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = (
    b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 100}}\n\n'
    b"data: [DONE]\n\n"
)


class Reference(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.received, self.loop = transport, b"", asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        if not found or len(body) < int(length or 0):
            return
        self.received = b""
        if head.startswith(b"GET"):
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b'{"data":[]}')
            return
        self.transport.write(HEAD)
        self.due_at, self.sent = self.loop.time() + TTFT_S, 0
        self.loop.call_at(self.due_at, self.send)

    def send(self) -> None:
        now = self.loop.time()
        while self.sent < TOKENS and self.due_at <= now:
            event = b'data: {"choices": [{"index": 0, "delta": {"content": "%.9f "}}]}\n\n' % now
            self.transport.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.sent += 1
            self.due_at += STEP_S
        if self.sent < TOKENS:
            self.loop.call_at(self.due_at, self.send)
        else:
            self.transport.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(LAST), LAST))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Reference, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running() -> Iterator[tuple[str, int]]:
    """A reference server in a process of its own: its address and process id."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1", process.pid
    finally:
        process.terminate()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(serve())
