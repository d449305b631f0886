"""One accepted request on its way out: the answers, at the times the engine sets.

An ASGI application of its own, so that a client that goes away is noticed at any moment, in the
queue as well as between two tokens, and its slots are freed at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice, zip_longest

from starlette.types import Receive, Scope, Send

from labtools.mock.engine import Engine
from labtools.mock.engine import Sequence as EngineSequence
from labtools.mock.faults import Fault
from labtools.mock.tokens_due import TokenTimes
from labtools.transport.in_process import CANCELS, STREAM
from labtools.wire.answer import Answer, Usage, Writer, usage_of


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
        extensions = scope.get("extensions", ())
        responding = self._respond(send, STREAM in extensions)
        if CANCELS in extensions:
            return await responding
        respond = asyncio.ensure_future(responding)
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({respond, gone}, return_when=asyncio.FIRST_COMPLETED)
            if respond.done():
                respond.result()
        finally:
            respond.cancel()
            gone.cancel()
            await asyncio.gather(respond, gone, return_exceptions=True)

    async def _respond(self, send: Send, reader_takes: bool) -> None:
        async with self.engine.sequence(
            self.prompt,
            self.rng,
            schema=self.schema,
            choices=len(self.answers),
            cache_key=self.cache_key,
        ) as sequence:
            if self.stream:
                await self._stream(sequence, send, reader_takes)
            else:
                await self._whole(sequence, send)

    async def _stream(self, sequence: EngineSequence, send: Send, reader_takes: bool) -> None:
        await self._start(send, b"text/event-stream; charset=utf-8")
        await sequence.prefill(self._seconds("slow_first_byte"))
        answer = _Streamed(self, sequence, self._decode(sequence))
        if reader_takes:
            await send({"type": "http.response.body", "more_body": True, STREAM: answer})
            await answer.tokens.ended()
            return
        while True:
            if body := b"".join(body for _, body in answer.take()):
                await send(
                    {"type": "http.response.body", "body": body, "more_body": not answer.over}
                )
            if answer.tokens.over:
                return
            await asyncio.sleep(answer.due_at - asyncio.get_running_loop().time())

    async def _whole(self, sequence: EngineSequence, send: Send) -> None:
        await sequence.prefill(self._seconds("slow_first_byte"))
        await self._decode(sequence).ended()
        # Over HTTP, an answer that never began would become the server's own 500.
        await self._start(send, b"application/json")
        if not self._is_cut:
            body = self.writer.whole(self.answers, self._usage(sequence))
            await send({"type": "http.response.body", "body": body})

    def closing(self, sequence: EngineSequence) -> bytes:
        """What follows the last step of a stream."""
        return self.writer.closing(self.answers, self._usage(sequence))

    def _usage(self, sequence: EngineSequence) -> Usage:
        return usage_of(self.answers, sequence.input_tokens, sequence.cached_tokens)

    def _decode(self, sequence: EngineSequence) -> TokenTimes:
        """The times of all steps; of a cut answer, until the first that is not sent."""
        total = self.total_steps
        if self._is_cut:
            return sequence.decode(total // 2 + 1)
        return sequence.decode(total, self._seconds("stall"))

    @property
    def total_steps(self) -> int:
        """Steps until the longest answer has ended; its end-of-sequence token takes one."""
        return max(1, *(answer.steps for answer in self.answers))

    @property
    def _is_cut(self) -> bool:
        return self.fault is not None and self.fault.kind == "cut"

    def pieces(self) -> Iterator[bytes]:
        """What each step puts on the wire, in order; a cut answer is left unfinished half-way."""
        sent = self.total_steps // 2 if self._is_cut else self.total_steps
        opening = self.writer.opening()
        steps, *others = map(self._steps, count(), self.answers)
        if others:
            steps = map(b"".join, zip_longest(steps, *others, fillvalue=b""))
        return islice(chain([opening + next(steps, b"")], steps), sent)

    def _steps(self, choice: int, answer: Answer) -> Iterator[bytes]:
        """What each step of one answer puts on the wire."""
        write, steps = self.writer.piece, answer.steps
        for step, piece in enumerate(answer.pieces, 1):
            body = write(choice, piece)
            yield body if step < steps else body + self.writer.end_of_choice(choice, answer)
        if answer.stops_by_itself:
            yield self.writer.end_of_choice(choice, answer)

    async def _start(self, send: Send, content_type: bytes) -> None:
        extra = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        headers = [(b"content-type", content_type), *extra]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    def _seconds(self, kind: str) -> float:
        return self.fault.seconds if self.fault and self.fault.kind == kind else 0.0


class _Streamed:
    """What of a streamed answer is due, for whoever takes it: the reader, or a server's timer."""

    def __init__(
        self, generation: Generation, sequence: EngineSequence, tokens: TokenTimes
    ) -> None:
        self.tokens = tokens
        self.over = False
        """Whether the answer was taken to its end."""
        self._generation, self._sequence = generation, sequence
        self._total_steps = generation.total_steps
        self._pieces = generation.pieces()
        self._taken = 0

    @property
    def due_at(self) -> float:
        """When there is more; infinite after the last token."""
        return self.tokens.due_at

    def take(self) -> list[tuple[float, bytes]]:
        """The bytes that are due and were not taken before, with the instants they are due at."""
        self.tokens.advance(asyncio.get_running_loop().time())
        found = list(zip(self.tokens.instants[self._taken :], self._pieces, strict=False))
        self._taken += len(found)
        if found and self._taken == self._total_steps:
            self.over = True
            found[-1] = found[-1][0], found[-1][1] + self._generation.closing(self._sequence)
        return found


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
