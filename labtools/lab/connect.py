"""`connect()`: the five kinds of endpoint, and the only place that picks a clock.

Servers, the engine and HTTP are imported where they are used: what is simulated needs none of them,
and runs where there are no sockets, processes and threads.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType

import httpx2

from labtools import platform
from labtools.clock import SimLoop
from labtools.errors import ConfigurationError, one_of
from labtools.lab.budget import Budget
from labtools.lab.lab import Lab
from labtools.lab.target import (
    Profiles,
    Target,
    checked_address,
    checked_credentials,
    checked_key,
    models_of,
    profiles_of,
)
from labtools.local_engine.settings import EngineSettings
from labtools.mock.faults import FaultPlan
from labtools.redaction import NO_SECRET, Redactor, redactor_for, without_credentials

MODES = ("sim", "mock", "engine", "a base URL such as https://api.example.com/v1", "replay:FILE")
REPLAY = "replay:"
MOCK_URL = "http://mock/v1"
ENGINE_URL = "http://engine/v1"

Models = str | Mapping[str, str] | None


def connect(
    endpoint: str | None = None,
    *,
    profile: Profiles = "fast",
    model: Models = None,
    api_key: str | None = None,
    seed: int = 0,
    faults: FaultPlan | None = None,
    budget: Budget | None = None,
    record: str | Path | None = None,
    engine: EngineSettings | str | None = None,
) -> Lab:
    """A lab on an endpoint.

    `endpoint` is "sim" (the mock in this process, on the simulated clock), "mock" (the same mock
    over HTTP, on the wall clock), "engine" (llama.cpp: real inference, on random weights or with
    engine="smollm2" a small real model, on the wall clock), the base URL of any OpenAI-compatible
    endpoint, or "replay:FILE" (a recorded run's answers, as late as they were, on the simulated
    clock). Left out, the environment's LABTOOLS_ENDPOINT decides, and without it "sim".

    `record` is a file to which every answer is added as it ends, for a replay. A replay gets the
    same requests again from the same code with the same `seed`; anything else it refuses.

    `profile` is what the mock imitates: a name, a LatencyProfile, or several under model names. All
    others ignore it; `engine` is the size of the engine's model, or all its settings. `model` is
    the model to ask for, or a mapping from step to model with "default" for the rest; the
    environment's LABTOOLS_MODEL names it for a URL, and a replay knows the recorded ones. A URL's
    key is `api_key`, or OPENAI_API_KEY if that is left out. `seed` decides every draw of the mock,
    `faults` what goes wrong in "sim".
    `budget` limits what may be sent; a URL has one in any case, `Budget()`.

    Raises ConfigurationError for what cannot work, EndpointUnreachable when nobody answers.
    """
    given = {
        "endpoint": endpoint,
        "api_key": api_key,
        "seed": seed,
        "faults": faults,
        "budget": budget,
        "record": record,
        "engine": engine,
    }
    for name, (kinds, words) in _ALLOWED.items():
        if not isinstance(value := given[name], kinds):
            found = type(value).__name__ if name == "api_key" else repr(value)  # a key stays hidden
            raise ConfigurationError(f"{name} must be {words}; found {found}.")
    if endpoint is None:
        endpoint = os.environ.get("LABTOOLS_ENDPOINT") or "sim"
    endpoint = endpoint.strip()
    if faults is not None and endpoint != "sim":
        raise ConfigurationError(f'Faults are for the endpoint "sim"; this one is {endpoint!r}.')
    if engine is not None and endpoint != "engine":
        raise ConfigurationError(
            f'Engine settings are for the endpoint "engine"; this one is {endpoint!r}.'
        )
    is_url = re.match("https?://", endpoint, re.IGNORECASE) is not None
    if platform.in_page() and (is_url or endpoint in ("mock", "engine")):
        raise ConfigurationError(
            f"A page has no sockets and processes: {without_credentials(endpoint)!r} is for a lab "
            'on your own machine. Here, use "sim", or a "replay:FILE" of a run recorded there.'
        )
    wanted = _Wanted(model, seed, budget, record)
    if endpoint == "sim":
        return _on_the_mock_simulated(wanted, profile, faults)
    if endpoint == "mock":
        return _on_the_mock_over_http(wanted, profile)
    if endpoint == "engine":
        return _on_an_engine(wanted, engine)
    if endpoint.startswith(REPLAY):
        return _on_a_recording(wanted, endpoint.removeprefix(REPLAY))
    if is_url:
        return _on_a_url(wanted, endpoint, api_key)
    raise one_of("endpoint", endpoint, MODES)


_ALLOWED: dict[str, tuple[tuple[type, ...], str]] = {
    "endpoint": ((str, NoneType), "a string"),
    "api_key": ((str, NoneType), "a string"),
    "seed": ((int,), "a whole number"),
    "faults": ((FaultPlan, NoneType), "a FaultPlan"),
    "budget": ((Budget, NoneType), "a Budget, such as Budget(requests=50, tokens=100_000)"),
    "record": ((str, Path, NoneType), "the name of a file"),
    "engine": ((EngineSettings, str, NoneType), 'a size such as "15M", or EngineSettings'),
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a caller may ask for on every kind of endpoint."""

    model: Models
    seed: int
    budget: Budget | None
    record: str | Path | None

    def recorded(
        self,
        transport: httpx2.AsyncBaseTransport,
        target: Target,
        redacted: Redactor = NO_SECRET,
    ) -> httpx2.AsyncBaseTransport:
        """The transport, with what passes it written to a file, if there is to be one."""
        from labtools.transport.recording import Header
        from labtools.transport.recording_transports import RecordingTransport

        if self.record is None:
            return transport
        header = Header(target.mode, target.address, dict(target.models))
        return RecordingTransport(transport, self.record, header, redacted)

    @property
    def free_budget(self) -> Budget:
        return self.budget or Budget.unlimited()


def _on_the_mock_simulated(wanted: _Wanted, profile: Profiles, faults: FaultPlan | None) -> Lab:
    from labtools.mock.app import create_app
    from labtools.transport.in_process import InProcessTransport

    profiles = profiles_of(profile)
    loop = SimLoop()
    app = create_app(profiles, seed=wanted.seed, faults=faults)
    target = Target("sim", MOCK_URL, models_of(wanted.model, profiles), wanted.seed)
    transport = wanted.recorded(InProcessTransport(app, loop), target)
    return Lab(target, loop, transport, wanted.free_budget)


def _on_the_mock_over_http(wanted: _Wanted, profile: Profiles) -> Lab:
    from labtools.mock.server import ServerProcess
    from labtools.transport.http_transport import HttpTransport

    profiles = profiles_of(profile)
    target = Target("mock", MOCK_URL, models_of(wanted.model, profiles), wanted.seed)
    transport = wanted.recorded(HttpTransport(), target)
    server = ServerProcess(profiles, wanted.seed)
    target = replace(target, base_url=server.base_url)
    return Lab(target, _wall(), transport, wanted.free_budget, on_close=server.stop)


def _on_an_engine(wanted: _Wanted, engine: EngineSettings | str | None) -> Lab:
    from labtools.local_engine.requests import EngineTransport, as_dictated
    from labtools.local_engine.serving import EngineProcess
    from labtools.transport.http_transport import HttpTransport

    engine = EngineSettings(engine) if isinstance(engine, str) else engine or EngineSettings()
    models = models_of(wanted.model or engine.model_name, None)
    target = Target("engine", ENGINE_URL, models, wanted.seed, as_told=as_dictated)
    transport = wanted.recorded(EngineTransport(HttpTransport()), target)
    process = EngineProcess(engine)
    target = replace(target, base_url=process.base_url)
    return Lab(target, _wall(), transport, wanted.free_budget, on_close=process.stop)


def _on_a_recording(wanted: _Wanted, file: str) -> Lab:
    from labtools.transport.recording import Recording
    from labtools.transport.recording_transports import ReplayTransport

    if wanted.record is not None:
        raise ConfigurationError("A replay is not recorded: it is its recording again.")
    recording = Recording.load(file)
    header, loop = recording.header, SimLoop()
    base_url, _ = checked_address(header.base_url)
    models = models_of(wanted.model or header.models, None)
    target = Target(header.mode, base_url, models, wanted.seed, recording.path)
    if header.mode == "engine":
        from labtools.local_engine.requests import as_dictated

        target = replace(target, as_told=as_dictated)
    return Lab(target, loop, ReplayTransport(recording, loop), wanted.free_budget)


def _on_a_url(wanted: _Wanted, url: str, api_key: str | None) -> Lab:
    from labtools.transport.http_transport import RedirectingTransport, network_transport

    model = wanted.model or os.environ.get("LABTOOLS_MODEL")
    if not model:
        raise ConfigurationError(
            f"Which model of {without_credentials(url)} is meant? Say connect(..., "
            "model=NAME) or set LABTOOLS_MODEL. The endpoint's GET /models lists them."
        )
    base_url, query = checked_address(url)
    # An empty key is the caller's word that there is none: no other key may go out in its place.
    key = checked_key(os.environ.get("OPENAI_API_KEY") if api_key is None else api_key)
    checked_credentials(base_url, key)
    target = Target("url", base_url, models_of(model, None), wanted.seed, query=query)
    transport = RedirectingTransport(network_transport(base_url))
    recorded = wanted.recorded(transport, target, redactor_for(key or "", target.url))
    return Lab(target, _wall(), recorded, wanted.budget or Budget(), api_key=key)


def _wall() -> asyncio.AbstractEventLoop:
    """A loop on the wall clock: asyncio's own, whatever policy another library has set."""
    return asyncio.SelectorEventLoop()
