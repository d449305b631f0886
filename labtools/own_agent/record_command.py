"""`python -m labtools record`: an agent's own program, its calls going through the proxy."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn

from labtools.errors import ConfigurationError
from labtools.mock.http_guard import GuardedProtocol, LoopbackOnly
from labtools.own_agent.proxy import ANTHROPIC, OPENAI, Ledger, Proxy
from labtools.redaction import without_credentials
from labtools.server_process import listen
from labtools.transport.http_transport import network_transport
from labtools.wording import count


def add_command(commands: Any) -> None:
    """Add `record` to the command line."""
    recording = commands.add_parser(
        "record", help="stand between an agent and its provider, and write a trace as it runs"
    )
    recording.add_argument(
        "--upstream",
        metavar="URL",
        help="the provider's base URL (default: OPENAI_BASE_URL and ANTHROPIC_BASE_URL, or "
        f"{OPENAI} and {ANTHROPIC})",
    )
    recording.add_argument(
        "--out", metavar="FILE", default="run.jsonl", help="the trace (default: %(default)s)"
    )
    recording.add_argument("--port", type=int, default=0, help="default: any free one")
    recording.add_argument(
        "--keep-text", action="store_true", help="keep what the answers say; else nothing is kept"
    )
    recording.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the agent, with arguments"
    )
    recording.set_defaults(command=_record)


def _record(options: argparse.Namespace) -> None:
    program = options.program[1:] if options.program[:1] == ["--"] else options.program
    upstream = options.upstream
    if upstream and not upstream.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"--upstream takes an http:// or https:// URL; found {upstream!r}."
        )
    path = Path(options.out)
    if path.exists():
        raise ConfigurationError(f"{path} exists already, and a trace is of one run. Name another.")
    endpoint = without_credentials(upstream) if upstream else "its providers"
    ledger = Ledger(path, endpoint, options.keep_text)
    code = asyncio.run(_run(options, ledger, program))
    print(f"{path}: {count(ledger.calls, 'call')}; see python -m labtools trace {path}", flush=True)
    sys.exit(code)


async def _run(options: argparse.Namespace, ledger: Ledger, program: Sequence[str]) -> int:
    listening = listen("127.0.0.1", options.port)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    transport = network_transport(options.upstream or OPENAI)
    proxy = Proxy(ledger, transport, options.upstream, os.environ)
    config = uvicorn.Config(
        LoopbackOnly(proxy),  # type: ignore[arg-type]
        http=GuardedProtocol,
        log_level="critical",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    gc.freeze()  # what start-up left behind is never garbage
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        if not program:
            print(f"Recording at {address}/v1 (stop with Ctrl-C)", flush=True)
            await serving
            return 0
        return await _program(program, address)
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await transport.aclose()
        ledger.close()


async def _program(program: Sequence[str], address: str) -> int:
    """The agent, told where its providers are; its exit code is ours."""
    urls = {
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_BASE": f"{address}/v1",
        "ANTHROPIC_BASE_URL": address,
    }
    try:
        process = await asyncio.create_subprocess_exec(*program, env={**os.environ, **urls})
    except OSError as error:
        raise ConfigurationError(f"Cannot run {program[0]}: {error.strerror}.") from None
    return await process.wait()
