"""llama.cpp's server on a model with random weights or a small real one: in this process, for
`python -m labtools engine`, or in one of its own, so that its threads are not the client's."""

from __future__ import annotations

import argparse
import os
import threading
from dataclasses import fields
from typing import Any

import httpx2

from labtools.errors import EndpointUnreachable
from labtools.local_engine.model_file import model_path, smollm2_file
from labtools.local_engine.settings import SMOLLM2, EngineSettings, check_installed, option
from labtools.server_process import OwnedServer, announce, listen, stop_when_stdin_closes

# Without a limit of the client's, an answer of random weights has no end.
LONGEST_UNASKED_ANSWER = 512
_WARM_UP_TIMEOUT_S = 60


def serve_engine(
    settings: EngineSettings, host: str = "127.0.0.1", port: int = 0, *, quiet: bool = False
) -> None:
    """Serve until interrupted; prints the address once a first request has been answered.

    Port 0: any free one. `quiet`: nothing is written after that. Raises ConfigurationError when
    the address cannot be used or packages are missing, EndpointUnreachable when it does not start.
    """
    check_installed()
    listen(host, port).close()
    path = model_path(settings.size)
    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(settings, str(path), host, port))
    except Exception as error:  # the C++ side has no type of its own
        raise EndpointUnreachable(
            f"llama.cpp does not start: {error}. If {path} is damaged, delete it: it is made, or "
            "installed, again."
        ) from None
    address = str(server.listening_address)
    _warm_up(address)
    where = address.removeprefix("http://")
    announce(where.rpartition(":")[0], int(where.rpartition(":")[2]))
    if quiet:
        # Nobody reads what llama.cpp may still say, and a full pipe would stop it.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    threading.Event().wait()


class EngineProcess(OwnedServer):
    """llama.cpp's server on a free port of this machine. Raises ConfigurationError."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        check_installed()
        settings = settings or EngineSettings()
        if settings.size == SMOLLM2:
            smollm2_file()
        super().__init__("engine", "--port", "0", *settings.as_arguments())


def _parameters(settings: EngineSettings, path: str, host: str, port: int) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.model_alias = {settings.model_name}
    parameters.hostnames = [host]
    parameters.port = port
    parameters.n_parallel = settings.slots
    parameters.n_ctx = settings.slots * settings.slot_context
    parameters.cpuparams.n_threads = settings.threads
    parameters.cpuparams_batch.n_threads = settings.threads
    parameters.n_batch = settings.batch
    parameters.n_ubatch = settings.ubatch
    parameters.cache_ram_mib = settings.cache_mib
    parameters.n_predict = LONGEST_UNASKED_ANSWER
    parameters.endpoint_metrics = True
    parameters.fit_params = False
    parameters.ui = False
    parameters.verbosity = -1
    return parameters


def _warm_up(address: str) -> None:
    """The first request touches what later ones find ready."""
    body = {"messages": [{"role": "user", "content": "warm up"}], "max_tokens": 2}
    # Whatever proxy the environment names, this address is here.
    with httpx2.Client(trust_env=False, timeout=_WARM_UP_TIMEOUT_S) as client:
        client.post(f"{address}/v1/chat/completions", json=body).raise_for_status()


def add_command(commands: Any) -> None:
    """The command and its options."""
    parser = commands.add_parser(
        "engine", help="serve a real engine, on random weights or a small model"
    )
    for setting in fields(EngineSettings):
        parser.add_argument(
            option(setting.name),
            type=type(setting.default),
            default=setting.default,
            help=f"{setting.metadata['meaning']} (default: %(default)s)",
        )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8081, help="default: %(default)s; 0: any")
    parser.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(command=_serve)


def settings_of(options: argparse.Namespace) -> EngineSettings:
    """The settings among the options. Raises ConfigurationError."""
    return EngineSettings(**{s.name: getattr(options, s.name) for s in fields(EngineSettings)})


def _serve(options: argparse.Namespace) -> None:
    if options.until_stdin_closes:
        stop_when_stdin_closes()
    settings = settings_of(options)
    serve_engine(settings, options.host, options.port, quiet=options.until_stdin_closes)
