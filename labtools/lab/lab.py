"""`Lab`: the one object a notebook holds. `connect` makes it."""

from __future__ import annotations

import asyncio
import inspect
import random
import ssl
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, TypeVar

import httpx2
import openai

from labtools.clock import SimLoop, must_run_on
from labtools.errors import ClockError, ConfigurationError, EndpointUnreachable, KeyRefused, require
from labtools.lab.budget import Budget, Meter
from labtools.lab.stopwatch import timed_call
from labtools.lab.target import Target
from labtools.lab.trace import Recorder, SpanInProgress, Trace
from labtools.loop_thread import LoopThread
from labtools.model.profile import DEFAULT_INPUT_TOKENS
from labtools.model.tokens import prompt_of
from labtools.progress import Progress
from labtools.records import CallRecord
from labtools.redaction import redactor_for

T = TypeVar("T")

# Long enough for an endpoint that wakes up when it is asked.
_WARM_UP_S = 60.0


class Lab:
    """An endpoint, a clock and a stopwatch. Made by `connect`."""

    def __init__(
        self,
        target: Target,
        loop: asyncio.AbstractEventLoop,
        transport: httpx2.AsyncBaseTransport,
        budget: Budget,
        *,
        api_key: str | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._target = target
        self._loop = loop
        self._thread = LoopThread(loop)
        self._meter = Meter(transport, budget)
        self._redacted = redactor_for(api_key or "", target.url)
        self._recorder = Recorder(self._redacted)
        self._calls = 0
        self._progress = self._new_progress()
        self.last_trace: Trace | None = None
        """What the last run measured, also when it raised."""
        self.client = openai.AsyncOpenAI(
            base_url=target.base_url,
            api_key=api_key or "none",
            default_query=target.query,
            default_headers=target.key_headers(api_key),
            # A retry that nobody sees looks like latency. A failed call is a record instead.
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=self._meter, trust_env=False),
        )
        """The plain SDK client. Use it inside a coroutine that `run` runs."""
        self._finalizer = weakref.finalize(self, on_close) if on_close else None
        try:
            self._thread.run(self._warm_up())
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Lab on {self._target}"

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def mode(self) -> str:
        """ "sim", "mock", "engine", "url" or "replay"."""
        return "replay" if self._target.recording else self._target.mode

    @property
    def on_mock(self) -> bool:
        """Whether the mock's instructions count, or did when the replayed run was recorded.

        The mock does all that they say. The engine writes as much as they say, and its calls'
        records hold what they say; with a real model only for a request that carries them.
        """
        return not self._target.thinks

    @property
    def clock(self) -> Literal["simulated", "wall"]:
        return "simulated" if isinstance(self._loop, SimLoop) else "wall"

    @property
    def endpoint(self) -> str:
        """ "sim", "mock", "engine", "replay", or the address, without credentials."""
        return self._target.address if self.mode == "url" else self.mode

    @property
    def meter(self) -> Meter:
        """What has been sent so far, against the budget."""
        return self._meter

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Trace:
        """Run a coroutine to its end on the lab's clock and return the trace of its steps.

        What the coroutine returned is the trace's `result`; what it raised is raised, and
        `last_trace` has the steps until then. Works the same in a notebook cell, a script and a
        test. Ctrl-C stops it.
        """
        if not inspect.iscoroutine(coroutine):
            raise ConfigurationError(
                f"lab.run takes a coroutine; found {type(coroutine).__name__}. Call your async "
                "function: lab.run(agent()), not lab.run(agent)."
            )
        if self._loop.is_closed():
            coroutine.close()
            raise ClockError("This lab is closed. Make a new one with connect(...).")
        if not self._loop.is_running():
            self._recorder = Recorder(self._redacted)
        recorder, started_at, result = self._recorder, self._loop.time(), None
        self._progress = self._new_progress()
        try:
            result = self._thread.run(coroutine)
        finally:
            self._progress.end()
            self.last_trace = Trace(
                recorder.spans,
                started_at,
                self._loop.time(),
                str(self._target),
                self.clock,
                result,
            )
        return self.last_trace

    async def call(
        self,
        step: str = "call",
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        input_tokens: int = DEFAULT_INPUT_TOKENS,
        output_tokens: int | None = None,
        model: str | None = None,
        **request: Any,
    ) -> CallRecord:
        """One streamed, measured call; a step of the trace.

        Without `messages` the prompt is filler of `input_tokens`, different in every call. The mock
        answers with exactly `output_tokens` and stops by itself; the engine is cut off after
        exactly as many; any other endpoint gets them as the limit. `request` takes whatever
        `client.chat.completions.create` takes.

        A call that fails returns a record with an `error`. Raises BudgetExceeded.
        """
        must_run_on(self._loop)
        self._calls += 1
        if messages is None:
            rng = random.Random(f"{self._target.seed}/{self._calls}")
            messages = prompt_of(input_tokens, rng, tools=request.get("tools") or ())
        if output_tokens is not None:
            request = self._with_length(request, output_tokens)
        with self._recorder.span(step, "llm") as span:
            record = await timed_call(
                self.client, model=model or self.model_for(step), messages=messages, **request
            )
            span.call = self._target.as_told(record, request)
        self._progress.say(f"{self._recorder.steps} steps", self._loop.time())
        return span.call

    async def tool(self, step: str, seconds: float) -> None:
        """The agent's own work between calls, modelled as a wait; a step of the trace."""
        must_run_on(self._loop)
        require("A tool's seconds", seconds, at_least=0, finite=False)
        with self._recorder.span(step, "tool"):
            await asyncio.sleep(seconds)

    async def work(self, step: str, function: Callable[[], T], *, modelled_s: float = 0.0) -> T:
        """The agent's own work, really done; a step of the trace.

        `function` runs in a thread. On the simulated clock time stands still for it, and it is
        then charged `modelled_s`; on the wall clock it is charged what it took. Returns what it
        returns. What it raises is raised, and is the step's error.
        """
        must_run_on(self._loop)
        with self._recorder.span(step, "tool"):
            result = await asyncio.to_thread(function)
            if isinstance(self._loop, SimLoop):
                await asyncio.sleep(modelled_s)
        return result

    def group(self, step: str) -> AbstractContextManager[SpanInProgress]:
        """`with lab.group("gather"):` holds the steps inside it together in the trace."""
        must_run_on(self._loop)
        return self._recorder.span(step, "group")

    def model_for(self, step: str) -> str:
        """The model that a step is sent to."""
        return self._target.model_for(step)

    def close(self) -> None:
        """Close the client and stop the server, if there is one. A second call does nothing."""
        if not self._loop.is_closed() and not self._loop.is_running():
            self._thread.run(self.client.close())
            self._loop.close()
        if self._finalizer:
            self._finalizer()

    async def _warm_up(self) -> None:
        """One untimed request: the SDK looks its platform up in a thread before its first."""
        list_models = self.client.models.with_raw_response.list
        try:
            if isinstance(self._loop, SimLoop):
                with self._loop.standing_still():
                    await list_models()
            else:
                async with asyncio.timeout(_WARM_UP_S):
                    await list_models()
        except openai.AuthenticationError:
            raise KeyRefused(
                self._target.address,
                "the key. Set OPENAI_API_KEY to this endpoint's key, or pass api_key=...",
            ) from None
        except openai.APIStatusError:
            pass  # Not every endpoint lists its models; this one answers, which is enough.
        except (openai.APIConnectionError, TimeoutError) as error:
            said = _why_unreachable(self._target.address, error)
            raise EndpointUnreachable(self._redacted(said)) from None

    def _with_length(self, request: dict[str, Any], output_tokens: int) -> dict[str, Any]:
        if not self.on_mock:
            return {self._target.limit_name: output_tokens, **request}
        extra = request.get("extra_body") or {}
        mock = {"output_tokens": output_tokens, **extra.get("mock", {})}
        return {**request, "extra_body": {**extra, "mock": mock}}

    def _new_progress(self) -> Progress:
        return Progress(self._loop.time(), shown=self.clock == "wall")


def _why_unreachable(address: str, error: BaseException) -> str:
    """What is between here and the endpoint, and what to do about it."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)

    def because(*kinds: type[BaseException]) -> BaseException | None:
        return next((cause for cause in causes if isinstance(cause, kinds)), None)

    if cause := because(ssl.SSLError):
        return (
            f"No TLS with {address}: {cause}. If that server speaks plain HTTP, its address begins "
            "with http://; if its certificate is your own, name the authority's file in "
            "SSL_CERT_FILE."
        )
    if cause := because(httpx2.ProxyError):
        return f"{address} was not reached. {cause}. Check the proxy, or set NO_PROXY."
    if because(TimeoutError, httpx2.ReadTimeout) and not because(httpx2.ConnectTimeout):
        return (
            f"{address} took the request and gave no whole answer to it within {_WARM_UP_S:g} s. "
            "Check that this is an API's address (it usually ends in /v1)."
        )
    if cause := because(httpx2.RemoteProtocolError):
        return (
            f"{address} answers, and not as an HTTP server should: {cause} Check the port, and "
            "whether the address begins with https://."
        )
    return (
        f"Nobody answers at {address}: {error.__cause__ or error}. Check the address (it usually "
        "ends in /v1) and that the server is running."
    )
