"""`python -m labtools engine`: the engine for any client, until interrupted."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from labtools.local_engine.serving import serve_engine
from labtools.local_engine.settings import SIZES, SMOLLM2, EngineSettings, option
from labtools.server_process import stop_when_stdin_closes

_MEANINGS = {
    "size": f"parameters of random weights: {', '.join(SIZES)}; or a real model: {SMOLLM2}",
    "threads": "cores that compute; 0: all but one",
    "slots": "requests that are worked on at once",
    "context": "longest prompt and answer of one slot, in tokens",
    "batch": "prompt tokens read between two tokens of running streams",
    "ubatch": "prompt tokens in one pass through the model",
    "cache_mib": "memory for prefixes that have lost their slot; 0: none",
}


def add_command(commands: Any) -> None:
    """The command and its options."""
    parser = commands.add_parser(
        "engine", help="serve a real engine, on random weights or a small model"
    )
    for field in fields(EngineSettings):
        kind = int if isinstance(field.default, int) else str
        meaning = f"{_MEANINGS[field.name]} (default: {field.default})"
        parser.add_argument(option(field.name), type=kind, default=field.default, help=meaning)
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8081, help="default: %(default)s; 0: any")
    parser.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(command=_serve)


def settings_of(options: argparse.Namespace) -> EngineSettings:
    """The settings among the options. Raises ConfigurationError."""
    return EngineSettings(**{name: getattr(options, name) for name in _MEANINGS})


def _serve(options: argparse.Namespace) -> None:
    if options.until_stdin_closes:
        stop_when_stdin_closes()
    settings = settings_of(options)
    serve_engine(settings, options.host, options.port, quiet=options.until_stdin_closes)
