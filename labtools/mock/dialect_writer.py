"""One provider's dialect on the way out: what a plain writer writes, respelt."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labtools.mock.dialects import Dialect, Json
from labtools.wire import sse
from labtools.wire.answer import Answer, Piece, Usage
from labtools.wire.chat_writer import ChatWriter, tool_calls

_KEEP_ALIVE_S = 0.5


class DialectWriter:
    """Writes what a plain writer writes, respelt. The plain one must tell usage."""

    def __init__(self, plain: ChatWriter, dialect: Dialect, asked_for_usage: bool) -> None:
        self._plain = plain
        self._dialect = dialect
        self._asked = asked_for_usage
        self._finishing: list[Json] = []

    def opening(self) -> bytes:
        return _encoded(self._dialect.opening()) + self._respelt(self._plain.opening())

    def piece(self, choice: int, piece: Piece) -> bytes:
        if self._dialect.whole_calls and piece.kind in ("call", "arguments"):
            return b""
        return self._respelt(self._plain.piece(choice, piece))

    def end_of_choice(self, choice: int, answer: Answer) -> bytes:
        whole = b""
        if self._dialect.whole_calls and answer.tool_calls():
            (chunk,) = _decoded(self._plain.piece(choice, Piece("content")))
            calls = enumerate(tool_calls(answer))
            delta = {"tool_calls": [{"index": index, **call} for index, call in calls]}
            chunk["choices"][0]["delta"] = delta
            whole = _encoded(self._chunks([chunk]))
        # The last one may have to carry the usage.
        self._finishing += self._chunks(_decoded(self._plain.end_of_choice(choice, answer)))
        return whole

    def closing(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        (told,) = _decoded(self._plain.closing(answers, usage))
        *earlier, last = self._finishing
        ending = self._dialect.ending(last, self._dialect.usage(told["usage"]), self._asked)
        return _encoded([*earlier, *ending]) + sse.DONE

    def whole(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        body = json.loads(self._plain.whole(answers, usage))
        told = self._dialect.usage(body.pop("usage"))
        for choice in body["choices"]:
            choice["message"] = self._dialect.message(choice["message"])
        return json.dumps(self._dialect.whole(self._dialect.body(body), told)).encode()

    def _respelt(self, events: bytes) -> bytes:
        return _encoded(self._chunks(_decoded(events)))

    def _chunks(self, chunks: Sequence[Json]) -> list[Json]:
        respelt = []
        for chunk in chunks:
            chunk.pop("usage", None)
            (choice,) = chunk["choices"]
            choice["delta"] = self._dialect.message(choice["delta"])
            if choice["delta"] is not None:
                respelt.append(self._dialect.body(chunk))
        return respelt


def kept_alive(app: ASGIApp, comment: bytes) -> ASGIApp:
    """The application, with a comment in a stream at once and as long as nothing else is sent."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        pinging: asyncio.Task[None] | None = None

        async def ping() -> None:
            while True:
                await send({"type": "http.response.body", "body": comment, "more_body": True})
                await asyncio.sleep(_KEEP_ALIVE_S)

        async def sending(message: Message) -> None:
            nonlocal pinging
            if pinging is not None:
                pinging.cancel()
            await send(message)
            headers = dict(message.get("headers", ()))
            if headers.get(b"content-type", b"").startswith(b"text/event"):
                pinging = asyncio.ensure_future(ping())

        try:
            await app(scope, receive, sending)
        finally:
            if pinging is not None:
                pinging.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await pinging

    return application


def _decoded(events: bytes) -> list[Json]:
    lines = (line.removeprefix(b"data: ") for line in events.split(b"\n\n"))
    return [json.loads(line) for line in lines if line and line != b"[DONE]"]


def _encoded(chunks: Sequence[Json]) -> bytes:
    return b"".join(sse.encode(json.dumps(chunk).encode()) for chunk in chunks)
