"""One accepted request on its way out: the answers, at the times the engine sets.

An ASGI application of its own, so that a client that goes away is noticed at any moment, in the
queue as well as between two tokens, and its slots are freed at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from labtools.endpoint import engine
from labtools.endpoint.faults import Fault
from labtools.wire.answer import Answer, Writer, usage_of


@dataclass(frozen=True, slots=True)
class Generation:
    """Answers to one request, and all that decides when and how they go out."""

    engine: engine.Engine
    prompt: str
    answers: Sequence[Answer]
    writer: Writer
    rng: random.Random
    stream: bool
    headers: Mapping[str, str]
    schema: bytes | None = None
    cache_key: str | None = None
    fault: Fault | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        respond = asyncio.ensure_future(self._respond(send))
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({respond, gone}, return_when=asyncio.FIRST_COMPLETED)
            if respond.done():
                respond.result()
        finally:
            respond.cancel()
            gone.cancel()
            await asyncio.gather(respond, gone, return_exceptions=True)

    async def _respond(self, send: Send) -> None:
        async with self.engine.sequence(
            self.prompt,
            self.rng,
            schema=self.schema,
            choices=len(self.answers),
            cache_key=self.cache_key,
        ) as sequence:
            if self.stream:
                await self._stream(sequence, send)
            else:
                await self._whole(sequence, send)

    async def _stream(self, sequence: engine.Sequence, send: Send) -> None:
        await self._start(send, b"text/event-stream; charset=utf-8")
        await sequence.prefill(self._seconds("slow_first_byte"))
        sent = 0
        total = self._total_steps
        async for reached in sequence.steps(total, self._seconds("stall")):
            if self._is_cut(reached, total):
                return
            body = b"".join(self._between(sent, reached))
            sent = reached
            if reached == total:
                usage = usage_of(self.answers, sequence.input_tokens, sequence.cached_tokens)
                body += self.writer.closing(self.answers, usage)
            if body:
                more = reached < total
                await send({"type": "http.response.body", "body": body, "more_body": more})

    async def _whole(self, sequence: engine.Sequence, send: Send) -> None:
        await sequence.prefill(self._seconds("slow_first_byte"))
        total = self._total_steps
        async for reached in sequence.steps(total, self._seconds("stall")):
            if self._is_cut(reached, total):
                return
        usage = usage_of(self.answers, sequence.input_tokens, sequence.cached_tokens)
        await self._start(send, b"application/json")
        await send({"type": "http.response.body", "body": self.writer.whole(self.answers, usage)})

    @property
    def _total_steps(self) -> int:
        """Steps until the longest answer has ended; its end-of-sequence token takes one."""
        return max(1, *(len(a.pieces) + a.stops_by_itself for a in self.answers))

    def _between(self, sent: int, reached: int) -> Iterator[bytes]:
        """What the steps after `sent`, up to `reached`, put on the wire."""
        if sent == 0:
            yield self.writer.opening()
        for step in range(sent, reached):
            for choice, answer in enumerate(self.answers):
                length = len(answer.pieces)
                if step < length:
                    yield self.writer.piece(choice, answer.pieces[step])
                if step + 1 == length + answer.stops_by_itself:
                    yield self.writer.end_of_choice(choice, answer)

    async def _start(self, send: Send, content_type: bytes) -> None:
        extra = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        headers = [(b"content-type", content_type), *extra]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    def _seconds(self, kind: str) -> float:
        return self.fault.seconds if self.fault and self.fault.kind == kind else 0.0

    def _is_cut(self, reached: int, total: int) -> bool:
        """A cut connection: the answer is left unfinished, which closes it."""
        return self.fault is not None and self.fault.kind == "cut" and reached > total // 2


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
