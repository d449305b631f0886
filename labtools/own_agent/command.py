"""`python -m labtools trace` and `record`: a run from a file, explained and moved; and recorded."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from labtools.errors import ConfigurationError
from labtools.files import write_whole
from labtools.lab.trace import Trace
from labtools.lab.whatif import what_if
from labtools.mock.server import guarded
from labtools.model.named_profiles import load_profiles, named_profile
from labtools.model.profile import LatencyProfile
from labtools.own_agent.fit import Identity, identity
from labtools.own_agent.levers import Levers
from labtools.own_agent.proxy import ANTHROPIC, OPENAI, Ledger, Proxy
from labtools.own_agent.readers import read_trace
from labtools.own_agent.report import Report, page, report, sentences
from labtools.read_back import to_json
from labtools.redaction import without_credentials
from labtools.server_process import listen
from labtools.transport.http_transport import network_transport
from labtools.wording import count

_TTL_S = 300.0
_ROWS = 40  # steps that a screen takes


def add_commands(commands: Any) -> None:
    """Add both to the command line."""
    _add_trace(commands)
    _add_record(commands)


def _add_trace(commands: Any) -> None:
    tracing = commands.add_parser(
        "trace", help="explain the trace of an agent, try changes on it, compare it with another"
    )
    tracing.add_argument("file", metavar="FILE", help="a trace or log, of this course or others")
    compared = tracing.add_mutually_exclusive_group()
    compared.add_argument("other", nargs="?", metavar="OTHER", help="one to compare it with")
    compared.add_argument(
        "--on", metavar="PROFILE", help="compare it with what it would have taken on a profile"
    )
    tracing.add_argument("--profiles", metavar="FILE", help="profiles from a TOML or JSON file")
    levers = tracing.add_argument_group("levers", "tried together; each may be repeated")
    for name, metavar, says in (
        (
            "--route",
            "STEP=MODEL",
            "serve a step's calls by a profile, or another model of the trace",
        ),
        ("--parallel", "A,B", "steps that could run beside each other, as you know"),
        ("--drop", "STEP", "leave a step out"),
        ("--output-tokens", "STEP=xF", "answers F times as long; STEP may be all"),
        ("--tools", "STEP=xF", "a tool that takes F times as long; STEP may be all"),
    ):
        levers.add_argument(name, metavar=metavar, action="append", default=[], help=says)
    levers.add_argument(
        "--cache",
        metavar="TTL_S",
        nargs="?",
        const=_TTL_S,
        type=float,
        help="reuse what prompts have in common with those of the last so many seconds "
        f"(default: {_TTL_S:g})",
    )
    levers.add_argument("--no-retries", action="store_true", help="every attempt succeeds at once")
    tracing.add_argument("--json", action="store_true", help="print the report as JSON")
    tracing.add_argument("--html", metavar="OUT", help="write the report as a page")
    tracing.add_argument("--perfetto", metavar="OUT", help="write FILE for https://ui.perfetto.dev")
    tracing.set_defaults(command=_trace)


def _trace(options: argparse.Namespace) -> None:
    for option, out in (("--perfetto", options.perfetto), ("--html", options.html)):
        _check_export(option, out, options.file, options.other)
    trace = read_trace(options.file)
    found = identity(trace)
    levers = _levers(options, found)
    said = report(trace, options.file, levers, found)
    if options.json:
        print(to_json(said), end="")
    else:
        _show(options, trace, said)
    for out, write, where in (
        (options.html, lambda out: write_whole(out, page(said)), "in a browser"),
        (options.perfetto, trace.save_chrome_trace, "at https://ui.perfetto.dev"),
    ):
        if out:
            write(out)
            if not options.json:
                print(f"{out}: open it {where}")
    if levers and not found.holds:
        raise ConfigurationError(found.sentence())


def _show(options: argparse.Namespace, trace: Trace, said: Report) -> None:
    """The first screen; behind it the steps, or the steps beside those of another run."""
    print(f"{options.file}: {_in_short(trace)}")
    other = None
    if options.other:
        other = read_trace(options.other)
    else:
        print("\n".join(sentences(said)))
        if options.on and said.reproduces.holds:
            other = what_if(trace, _profile(options.on, options))
    if other:
        print(f"other: {_in_short(other)}")
    if not trace.spans and not other:
        print("It has no steps.")
    elif len(trace.spans) > _ROWS:
        print(f"{len(trace.spans):,} steps; --json has them all.")
    else:
        table = trace.compare(other) if other else trace.table()
        # pandas would put the names to the right, and so lose what is inside what.
        table["step"] = table["step"].str.ljust(table["step"].str.len().max())
        print(table.to_string(index=False, na_rep=""))


def _levers(options: argparse.Namespace, found: Identity) -> Levers | None:
    if options.cache is not None and not 0 < options.cache < math.inf:
        raise ConfigurationError(f"--cache takes seconds above 0; found {options.cache:g}.")
    fitted = {model: fit.profile for model, fit in found.fits.items()}
    levers = Levers(
        on=_profile(options.on, options) if options.on else None,
        route={
            step: _profile(model, options, fitted)
            for step, model in map(_pair("--route", "STEP=MODEL"), options.route)
        },
        cache_ttl_s=options.cache,
        parallel=tuple(tuple(names.split(",")) for names in options.parallel),
        drop=tuple(options.drop),
        output_tokens=_factors("--output-tokens", options.output_tokens),
        tools=_factors("--tools", options.tools),
        no_retries=options.no_retries,
    )
    return levers if levers != Levers() else None


def _profile(
    name: str, options: argparse.Namespace, fitted: Mapping[str, LatencyProfile] | None = None
) -> LatencyProfile:
    known = {**(fitted or {}), **(load_profiles(options.profiles) if options.profiles else {})}
    return known.get(name) or named_profile(name)


def _pair(option: str, shape: str) -> Any:
    def pair(asked: str) -> tuple[str, str]:
        step, equals, value = asked.rpartition("=")
        if not (step and equals and value):
            raise ConfigurationError(f"{option} takes {shape}; found {asked!r}.")
        return step, value

    return pair


def _factors(option: str, asked: list[str]) -> dict[str, float]:
    factors = {}
    for step, by in map(_pair(option, "STEP=xF, such as read_file=x0.5"), asked):
        try:
            factor = float(by.removeprefix("x"))
        except ValueError:
            factor = -1.0
        if not (by.startswith("x") and 0 <= factor <= 1000):
            raise ConfigurationError(f"{option} takes STEP=xF, F from 0 to 1000; found {by!r}.")
        factors[step] = factor
    return factors


def _in_short(trace: Trace) -> str:
    """The duration, and what it is worth."""
    failed = f"; {trace.failures}" if trace.failures else ""
    return f"{trace.duration_s:.3f} s on {trace.endpoint}{failed}"


def _check_export(option: str, out: str | None, *traces: str | None) -> None:
    if out and Path(out).resolve() in {Path(trace).resolve() for trace in traces if trace}:
        raise ConfigurationError(
            f"{option} {out} would overwrite the trace itself, and what it writes cannot be read "
            "as a trace again. Choose another file."
        )


def _add_record(commands: Any) -> None:
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
    gc.freeze()  # what start-up left behind is never garbage
    server = uvicorn.Server(guarded(proxy))  # type: ignore[arg-type]
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
