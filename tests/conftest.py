"""What most tests need: simulated time, and a client on the mock in this process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import settings

from labtools import platform
from labtools.clock import SimLoop
from labtools.loop_thread import cancel_leftovers
from labtools.mock.app import create_app
from labtools.model.profile import LatencyProfile
from labtools.plots.canvas import Canvas, LabFigure
from labtools.transport.in_process import InProcessTransport

# Two seconds of grammars that nbformat's jsonschema compiles, for formats that no test asks for.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# On a busy machine an example may take longer than hypothesis allows by default. After a change to
# what a law is about: pytest --hypothesis-profile=thorough.
settings.register_profile("course", deadline=None, print_blob=True, max_examples=50)
settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile("course")

# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Sim:
    """A simulated clock, and clients of applications that run on it."""

    def __init__(self) -> None:
        self.loop = SimLoop()

    @property
    def now(self) -> float:
        return self.loop.time()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end, then cancel what was left behind, as asyncio.run does."""
        try:
            return self.loop.run_until_complete(coroutine)
        finally:
            cancel_leftovers(self.loop)

    def transport(self, app: Any) -> httpx2.AsyncBaseTransport:
        return InProcessTransport(app, self.loop)

    def http(self, app: Any) -> httpx2.AsyncClient:
        """Plain HTTP to `app`, for what the SDK would not send."""
        return httpx2.AsyncClient(
            transport=self.transport(app), base_url="http://mock", trust_env=False
        )

    def client(self, app: Any, api_key: str = "any") -> openai.AsyncOpenAI:
        """The SDK's client, past its first request (which looks its platform up in a thread)."""
        client = openai.AsyncOpenAI(
            base_url="http://mock/v1",
            api_key=api_key,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=self.transport(app), trust_env=False),
        )

        async def first_request() -> None:
            with self.loop.standing_still(), suppress(openai.APIError):
                await client.models.with_raw_response.list()

        self.run(first_request())
        return client

    def mock(
        self, profile: LatencyProfile | Mapping[str, LatencyProfile], **settings: Any
    ) -> openai.AsyncOpenAI:
        """A client of the mock endpoint with this profile."""
        profiles = {profile.name: profile} if isinstance(profile, LatencyProfile) else profile
        return self.client(create_app(profiles, **settings))


@pytest.fixture(scope="session")
def new_sim() -> type[Sim]:
    """For property tests, which want a new clock for every example."""
    return Sim


@pytest.fixture
def sim() -> Iterator[Sim]:
    simulated = Sim()
    yield simulated
    simulated.loop.close()


@pytest.fixture(autouse=True)
def no_endpoint_of_the_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit tests never reach for the endpoint that somebody has set up for their labs."""
    for name in ("LABTOOLS_ENDPOINT", "LABTOOLS_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that say what they show and are not drawn, for tests that look at no drawing."""

    def said(_: Canvas, alt: str, caption: str = "") -> LabFigure:
        return LabFigure("", "", alt, caption)

    monkeypatch.setattr(Canvas, "done", said)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser's page, as far as a test can tell: no threads, no sockets, no processes."""

    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("there are none in a page")

    monkeypatch.setattr(platform, "in_page", lambda: True)
    monkeypatch.setattr(threading.Thread, "start", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(subprocess.Popen, "__init__", refused)
