"""A proxy between an agent and its provider: passes bytes as they come, and writes a trace.

What it reads of a call it reads after the call has ended, so that it is in nobody's way.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path

import httpx2
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from labtools.files import append_line
from labtools.lab.trace import FORMAT
from labtools.own_agent.answers import Answer, read_answer
from labtools.own_agent.prompt_blocks import Prompt, digest, prompt_of
from labtools.read_back import from_json
from labtools.records import CallError, Span, Wait
from labtools.transport.arrivals import EXTENSION, Arrivals
from labtools.wire.api_error import ApiError

OPENAI, ANTHROPIC = "https://api.openai.com/v1", "https://api.anthropic.com"
STEP_HEADER = "x-labtools-step"
"""A request may say in it which step it is; it is not passed on."""

_CALLS = ("/chat/completions", "/responses", "/messages")
_OURS = {"host", "content-length", "connection", "keep-alive", "transfer-encoding", "te"}
_OURS |= {"upgrade", "accept-encoding", "proxy-connection", STEP_HEADER}


@dataclass(frozen=True, slots=True)
class Passing:
    """A call on its way."""

    id: int
    step: str
    body: bytes
    sent_at: float


class Ledger:
    """The trace's file, and what is remembered to tell what waited for what.

    Calls are read one by one, as they end: an answer before the prompt that brings its tools'
    results, and away from the loop that passes bytes.
    """

    def __init__(self, path: Path, endpoint: str, keep_text: bool = False) -> None:
        append_line(path, {"format": FORMAT, "endpoint": endpoint, "clock": "wall"})
        self.calls = 0
        self._path = path
        self._keep_text = keep_text
        self._key = secrets.token_bytes(32)
        self._ids = count(1)
        self._reader = ThreadPoolExecutor(1)
        # From the id of a tool call whose result has not come back to who asked, and the tool.
        self._asked: dict[str, tuple[Span, str]] = {}
        self._said: dict[str, int] = {}

    def begin(self, body: bytes, step: str | None, at: float) -> Passing:
        """A call is sent."""
        self.calls += 1
        return Passing(next(self._ids), step or f"call {self.calls}", body, at)

    def end(
        self, passing: Passing, arrivals: Arrivals, ended_at: float, error: CallError | None
    ) -> None:
        """A call has ended; it is read and written soon."""
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._reader, self._write, passing, arrivals, ended_at, error)

    def close(self) -> None:
        """Wait until all that has ended is written."""
        self._reader.shutdown()

    def _write(
        self, passing: Passing, arrivals: Arrivals, ended_at: float, error: CallError | None
    ) -> None:
        prompt = prompt_of(from_json(passing.body), self._key)
        failed = error is not None and error.kind == "status"
        answer = Answer() if failed else read_answer(arrivals.chunks)
        call = answer.record(prompt.model, arrivals.sent_at, ended_at, error)
        kept = answer.text if self._keep_text else ""
        call = replace(call, connect_s=arrivals.connect_s, content=kept)
        span = Span(
            passing.id,
            passing.step,
            "llm",
            min(passing.sent_at, arrivals.sent_at),
            ended_at,
            call=call,
            error=str(call.error) if call.error else None,
            waits_for=tuple(self._waits(prompt, passing.sent_at)),
            blocks=prompt.blocks,
        )
        append_line(self._path, asdict(span))
        self._asked.update((id, (span, name)) for id, name in answer.tools.items())
        if answer.text:
            self._said[digest(answer.text, self._key)] = span.id

    def _waits(self, prompt: Prompt, at: float) -> Iterator[Wait]:
        """What the prompt shows that the call waited for: tools, or else an answer's text."""
        by_asker = defaultdict[int, list[tuple[Span, str]]](list)
        for id in prompt.results:
            if id in self._asked:
                asker, tool = self._asked.pop(id)
                by_asker[asker.id].append((asker, tool))
        for asked in by_asker.values():
            yield Wait(self._tools(asked[0][0], [tool for _, tool in asked], at))
        if not by_asker and prompt.said and prompt.said[-1] in self._said:
            yield Wait(self._said[prompt.said[-1]])

    def _tools(self, asker: Span, tools: list[str], at: float) -> int:
        """What lay between an answer and the prompt that brings what its tools gave."""
        span = Span(
            next(self._ids),
            ", ".join(tools),
            "tool",
            min(asker.ended_at, at),
            at,
            waits_for=(Wait(asker.id),),
            derived=("started_at", "ended_at"),
        )
        append_line(self._path, asdict(span))
        return span.id


@dataclass(frozen=True, slots=True)
class Proxy:
    """The application: any request to where it belongs, its answer back, byte for byte."""

    ledger: Ledger
    transport: httpx2.AsyncBaseTransport
    upstream: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def url(self, path: str, query: str = "") -> str:
        """Where a request belongs."""
        to_anthropic = path.startswith("/v1/messages")
        name, usual = ("ANTHROPIC", ANTHROPIC) if to_anthropic else ("OPENAI", OPENAI)
        base = self.upstream or self.environment.get(f"{name}_BASE_URL") or usual
        base = base.rstrip("/")
        if base.endswith("/v1") and path.startswith("/v1/"):
            path = path.removeprefix("/v1")
        return f"{base}{path}{'?' if query else ''}{query}"

    async def __call__(self, scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
        """ASGI."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)  # type: ignore[arg-type]
        response = await self._pass(request)
        await response(scope, receive, send)  # type: ignore[arg-type]

    async def _pass(self, request: Request) -> Response:
        loop = asyncio.get_running_loop()
        body = await request.body()
        url = self.url(request.url.path, request.url.query)
        headers = [(n, v) for n, v in request.headers.items() if n not in _OURS]
        onward = httpx2.Request(request.method, url, headers=headers, content=body)
        passing = None
        if request.method == "POST" and request.url.path.endswith(_CALLS):
            passing = self.ledger.begin(body, request.headers.get(STEP_HEADER), loop.time())
        arrivals = Arrivals(loop.time())
        try:
            answer = await self.transport.handle_async_request(onward)
        except httpx2.TransportError as failure:
            if passing:
                why = CallError("connection", type(failure).__name__)
                self.ledger.end(passing, arrivals, loop.time(), why)
            said = f"The proxy cannot reach {httpx2.URL(url).host}: {type(failure).__name__}."
            return Response(ApiError(502, said).body(), 502, media_type="application/json")
        arrivals = answer.extensions.get(EXTENSION, arrivals)
        error = None
        if answer.status_code >= 400:
            error = CallError("status", f"HTTP {answer.status_code}", answer.status_code)
        response = StreamingResponse(
            self._body(answer, passing, arrivals, error), answer.status_code
        )
        response.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower() not in (b"connection", b"keep-alive", b"transfer-encoding")
        ]
        return response

    async def _body(
        self,
        answer: httpx2.Response,
        passing: Passing | None,
        arrivals: Arrivals,
        error: CallError | None,
    ) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        whole = False
        try:
            async for piece in answer.aiter_raw():
                yield piece
            whole = True
        except httpx2.TransportError as failure:
            error = error or CallError("cut_off", type(failure).__name__)
            raise
        finally:
            ended_at = arrivals.ended_at if arrivals.ended_at is not None else loop.time()
            if passing:
                if not whole and error is None:
                    error = CallError("cut_off", "the agent stopped reading")
                self.ledger.end(passing, arrivals, ended_at, error)
            if not whole:
                await answer.aclose()
