"""The mock endpoint as an ASGI application: OpenAI's API in front of simulated engines.

The same application answers in process, on the simulated clock, and over HTTP, on the wall.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from labtools.errors import ConfigurationError, UnusableSchema, require_one_of
from labtools.mock.answers import answer, with_prediction
from labtools.mock.dialect_writer import DialectWriter, kept_alive
from labtools.mock.dialects import DIALECTS, Dialect
from labtools.mock.engine import Engine
from labtools.mock.faults import FaultPlan
from labtools.mock.generation import Generation
from labtools.mock.schema.conjunction import Budget
from labtools.model.profile import LatencyProfile
from labtools.model.tokens import count_tokens
from labtools.wire.answer import Answer, Writer
from labtools.wire.api_error import ApiError, invalid
from labtools.wire.chat_request import parse_chat_request
from labtools.wire.chat_writer import ChatWriter
from labtools.wire.generation import GenerationRequest
from labtools.wire.responses_items import Conversations
from labtools.wire.responses_request import parse_responses_request
from labtools.wire.responses_writer import Output, ResponsesWriter

LARGEST_BODY_BYTES = 16 * 2**20
# What all requests together may hold; small ones are not counted.
MOST_HELD_BYTES = 128 * 2**20
_SMALL_BYTES = 64 * 2**10
_BYTES_A_PIECE = 130
# For one request, most of them for its schemas' values: some 0.2 s. After a share of them others
# get their turn before the next request does.
_MOST_STEPS = 20_000
_LONG_STEPS = 1_000
_BYTES_A_STEP = 2_000
# 2026-01-01, so that `created` is a plausible date on the simulated clock too.
DEFAULT_EPOCH_S = 1_767_225_600


def create_app(
    profiles: Mapping[str, LatencyProfile],
    *,
    seed: int = 0,
    faults: FaultPlan | None = None,
    api_key: str | None = None,
    epoch_s: float = DEFAULT_EPOCH_S,
    dialect: str | None = None,
) -> Starlette:
    """The endpoint that serves each profile under a model name.

    With `api_key`, requests without it get a 401; else any key, or none, will do. `epoch_s` is
    the calendar's time when the clock reads 0. `dialect` names the provider whose Chat Completions
    and errors it imitates, one of `DIALECTS`; the times are the same.
    """
    if not profiles:
        raise ConfigurationError("An endpoint needs at least one profile to serve.")
    if dialect is not None:
        require_one_of("dialect", dialect, DIALECTS)
    spoken = DIALECTS[dialect] if dialect else None
    endpoint = Endpoint(profiles, seed, faults or FaultPlan(), api_key, epoch_s, spoken)
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", endpoint.chat, methods=["POST"]),
            Route("/v1/responses", endpoint.responses, methods=["POST"]),
            Route("/v1/models", endpoint.models, methods=["GET"]),
            Route("/v1/models/{model:path}", endpoint.model, methods=["GET"]),
            Route("/health", endpoint.health, methods=["GET"]),
        ],
        exception_handlers=dict.fromkeys(
            (ApiError, HTTPException, RecursionError, Exception), _refused
        ),
    )
    app.state.endpoint = endpoint
    return app


class Endpoint:
    """The engines, and what happens to a request before one of them takes it."""

    def __init__(
        self,
        profiles: Mapping[str, LatencyProfile],
        seed: int,
        faults: FaultPlan,
        api_key: str | None,
        epoch_s: float,
        dialect: Dialect | None,
    ) -> None:
        self.dialect = dialect
        self.engines = {name: Engine(profile, seed) for name, profile in profiles.items()}
        self._faults = faults
        self._api_key = api_key
        self._epoch_s = epoch_s
        self._numbers = count(1)
        self._conversations = Conversations()
        self._held_bytes = 0
        self._thinking = asyncio.Lock()

    async def chat(self, http: Request) -> ASGIApp:
        """`POST /v1/chat/completions`."""
        dialect = self.dialect
        async with self._turn(http) as (raw, budget):
            request = parse_chat_request(dialect.request(raw) if dialect else raw)

            def writer(id: str, answers: Sequence[Answer]) -> Writer:
                plain = ChatWriter(
                    id=id,
                    model=request.model,
                    created=self._created(),
                    answers=answers,
                    usage=request.include_usage or dialect is not None,
                )
                return DialectWriter(plain, dialect, request.include_usage) if dialect else plain

            app = self._held(self._generation(request, raw, writer, budget), raw)
        return kept_alive(app, dialect.comment) if dialect and dialect.comment else app

    async def responses(self, http: Request) -> ASGIApp:
        """`POST /v1/responses`."""
        async with self._turn(http) as (raw, budget):
            request = parse_responses_request(raw, self._conversations)

            def writer(id: str, answers: Sequence[Answer]) -> Writer:
                return ResponsesWriter(
                    output=Output(id, request.summarize),
                    model=request.generation.model,
                    now=self._created,
                    echo=request.echo,
                )

            generation = self._generation(request.generation, raw, writer, budget)
            if request.store:
                # Continuable as soon as the client can know its id.
                output = Output(generation.id, request.summarize).items(generation.answers[0])
                self._conversations.remember(f"resp_{generation.id}", request.items, output)
            return self._held(generation, raw)

    async def models(self, http: Request) -> Response:
        """`GET /v1/models`."""
        self._authorize(http)
        return JSONResponse(
            {"object": "list", "data": [self._model(name) for name in self.engines]}
        )

    async def model(self, http: Request) -> Response:
        """`GET /v1/models/NAME`: one round trip, and nothing computed."""
        self._authorize(http)
        name = http.path_params["model"]
        await asyncio.sleep(self._engine(name).profile.rtt_s)
        return JSONResponse(self._model(name))

    async def health(self, http: Request) -> Response:
        """`GET /health`: whether the process answers."""
        return JSONResponse({"status": "ok"})

    def _generation(
        self,
        request: GenerationRequest,
        raw: bytes,
        writer: Callable[[str, Sequence[Answer]], Writer],
        budget: Budget,
    ) -> Generation:
        """Everything that can be refused is refused here, before anything is sent."""
        engine = self._engine(request.model)
        rng = engine.rng_for(raw)
        fault = self._faults.fault_for(next(self._numbers), rng)
        if fault and (refusal := fault.refusal()):
            raise refusal
        input_tokens = count_tokens(request.prompt)
        limit = engine.profile.context_limit_tokens
        request.check_length(input_tokens, 1, limit)
        id = f"{rng.getrandbits(96):024x}"
        said_by = rng if request.seed is None else random.Random(request.drawn_from)
        try:
            said = [answer(request, said_by, budget) for _ in range(request.n)]
        except UnusableSchema as error:
            raise invalid("schema", f"Invalid schema: {error}") from None
        most = request.max_output_tokens or max(len(answer.pieces) for answer in said)
        request.check_length(input_tokens, most, limit)
        per_step = engine.profile.prediction_tokens_per_step
        answers = [with_prediction(whole, request.prediction, per_step) for whole in said]
        now = asyncio.get_running_loop().time()
        headers = engine.rate_limiter.admit(input_tokens + most * request.n, now)
        return Generation(
            id=id,
            engine=engine,
            prompt=request.prompt,
            answers=answers,
            writer=writer(id, answers),
            rng=rng,
            stream=request.stream,
            headers={"x-request-id": f"req_{id}", **headers},
            schema=request.schema_identity,
            cache_key=request.cache_key,
            fault=fault,
        )

    @asynccontextmanager
    async def _turn(self, http: Request) -> AsyncIterator[tuple[bytes, Budget]]:
        """A request's body and the steps that it may take, while no other request takes any."""
        self._authorize(http)
        raw = await self._body(http)
        async with self._thinking:
            budget = Budget(_MOST_STEPS - len(raw) // _BYTES_A_STEP)
            try:
                yield raw, budget
            finally:
                if budget.left < _MOST_STEPS - _LONG_STEPS:
                    await asyncio.sleep(0)

    async def _body(self, http: Request) -> bytes:
        """The request's body, refused as soon as it, or all that there are, are too large."""
        body = bytearray()
        try:
            async for chunk in http.stream():
                self._hold(len(chunk))
                body += chunk
                if len(body) > LARGEST_BODY_BYTES:
                    raise ApiError(
                        413, f"The body is larger than the {LARGEST_BODY_BYTES} bytes allowed here."
                    )
            return bytes(body)
        finally:
            self._held_bytes -= len(body)

    def _held(self, generation: Generation, raw: bytes) -> ASGIApp:
        """The generation, counted as long as it goes out if it is a large one."""
        pieces = [id(piece) for answer in generation.answers for piece in answer.pieces]
        size_bytes = 2 * len(raw) + 8 * len(pieces) + _BYTES_A_PIECE * len(set(pieces))
        if size_bytes <= _SMALL_BYTES:
            return generation

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self._hold(size_bytes)
            try:
                await generation(scope, receive, send)
            finally:
                self._held_bytes -= size_bytes

        return counted

    def _hold(self, size_bytes: int) -> None:
        if self._held_bytes + size_bytes > MOST_HELD_BYTES:
            raise ApiError(503, "The mock holds as much of large requests as it can; try again.")
        self._held_bytes += size_bytes

    def _engine(self, name: str) -> Engine:
        if name not in self.engines:
            raise ApiError(
                404,
                f"The model {name!r:.80} does not exist. Models here: {', '.join(self.engines)}.",
                param="model",
                code="model_not_found",
            )
        return self.engines[name]

    def _authorize(self, http: Request) -> None:
        expected = f"Bearer {self._api_key}"
        if self._api_key is not None and http.headers.get("authorization") != expected:
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def _created(self) -> int:
        return int(self._epoch_s + asyncio.get_running_loop().time())

    def _model(self, name: str) -> dict[str, object]:
        created = int(self._epoch_s)
        return {"id": name, "object": "model", "created": created, "owned_by": "labtools"}


async def _refused(http: Request, error: Exception) -> Response:
    """The error as the endpoint's API, or its dialect, sends it."""
    if isinstance(error, HTTPException):
        said = f"{http.method} {http.url.path}: {error.detail}."
        error = ApiError(error.status_code, said, headers=error.headers)
    elif isinstance(error, RecursionError):  # the only recursion here is over the request's JSON
        error = ApiError(400, "The body is nested too deeply.")
    elif not isinstance(error, ApiError):
        error = ApiError(500, "The mock failed. This is a bug in labtools.")
    dialect = http.app.state.endpoint.dialect
    body = json.dumps(dialect.error(error)).encode() if dialect else error.body()
    return Response(body, error.status, error.headers, "application/json")
