"""One accepted request on its way out: the answers, at the times the engine sets.

An ASGI application of its own, so that a client that goes away is noticed at any moment, in the
queue as well as between two tokens, and its slots are freed at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from labtools.mock.engine import Engine
from labtools.mock.engine import Sequence as EngineSequence
from labtools.mock.faults import Fault
from labtools.wire.answer import Answer, Writer, usage_of


@dataclass(frozen=True, slots=True)
class Generation:
    """Answers to one request, and all that decides when and how they go out."""

    id: str
    engine: Engine
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

    async def _stream(self, sequence: EngineSequence, send: Send) -> None:
        await self._start(send, b"text/event-stream; charset=utf-8")
        await sequence.prefill(self._seconds("slow_first_byte"))
        sent = 0
        total, allowed = self._total_steps, self._allowed_steps
        async for reached in sequence.steps(total, self._seconds("stall")):
            cut = reached > allowed  # a process that is late has more steps due than it may send
            reached_now = min(reached, allowed)
            body = self._between(sent, reached_now) if reached_now > sent else b""
            sent = reached_now
            if reached == total and not cut:
                usage = usage_of(self.answers, sequence.input_tokens, sequence.cached_tokens)
                body += self.writer.closing(self.answers, usage)
            if body:
                more = cut or reached < total
                await send({"type": "http.response.body", "body": body, "more_body": more})
            if cut:
                return

    async def _whole(self, sequence: EngineSequence, send: Send) -> None:
        await sequence.prefill(self._seconds("slow_first_byte"))
        allowed = self._allowed_steps
        async for reached in sequence.steps(self._total_steps, self._seconds("stall")):
            if reached > allowed:
                # Over HTTP, an answer that never began would become the server's own 500.
                await self._start(send, b"application/json")
                return
        usage = usage_of(self.answers, sequence.input_tokens, sequence.cached_tokens)
        await self._start(send, b"application/json")
        await send({"type": "http.response.body", "body": self.writer.whole(self.answers, usage)})

    @property
    def _total_steps(self) -> int:
        """Steps until the longest answer has ended; its end-of-sequence token takes one."""
        return max(1, *(answer.steps for answer in self.answers))

    @property
    def _allowed_steps(self) -> int:
        """Steps until the connection is cut: the answer is left unfinished, which closes it."""
        cut = self.fault is not None and self.fault.kind == "cut"
        return self._total_steps // 2 if cut else self._total_steps

    def _between(self, sent: int, reached: int) -> bytes:
        """What the steps after `sent`, up to `reached`, put on the wire."""
        parts = [self.writer.opening()] if sent == 0 else []
        for step in range(sent, reached):
            for choice, answer in enumerate(self.answers):
                if step < len(answer.pieces):
                    parts.append(self.writer.piece(choice, answer.pieces[step]))
                if step + 1 == answer.steps:
                    parts.append(self.writer.end_of_choice(choice, answer))
        return b"".join(parts)

    async def _start(self, send: Send, content_type: bytes) -> None:
        extra = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        headers = [(b"content-type", content_type), *extra]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    def _seconds(self, kind: str) -> float:
        return self.fault.seconds if self.fault and self.fault.kind == kind else 0.0


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
