"""`python -m labtools ...`: what the package does from a shell."""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from packaging.requirements import Requirement

from labtools.clock import wall_epoch_s
from labtools.errors import LabtoolsError
from labtools.evaluation import command as evaluate_command
from labtools.lab.connect import connect
from labtools.local_engine import serving as engine_command
from labtools.local_engine.settings import TO_INSTALL, engine_version, missing_packages
from labtools.mock.app import create_app
from labtools.mock.dialects import DIALECTS
from labtools.mock.server import serve
from labtools.model.named_profiles import NAMED, listing, load_profiles, named_profile
from labtools.model.profile import LatencyProfile
from labtools.own_agent import command as own_agent_command
from labtools.redaction import without_credentials
from labtools.server_process import stop_when_stdin_closes

_BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Exits with 1 and one clear line for what goes wrong."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that has no word for a character shows its number; nothing is lost.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            options = _parser().parse_args(arguments)
            options.command(options)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has read enough, such as `head`. Python would flush once more, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BROKEN_PIPE)
    except LabtoolsError as error:
        sys.exit(f"labtools: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="labtools", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    checking = commands.add_parser("check", help="say whether the labs can run here")
    checking.set_defaults(command=_check)

    serving = commands.add_parser("serve", help="serve the mock endpoint over HTTP")
    serving.add_argument(
        "--profile",
        action="append",
        metavar="[MODEL=]NAME",
        help=f"a profile to serve, as the model of that name or as MODEL: {', '.join(NAMED)} "
        "(may be repeated; default: all)",
    )
    serving.add_argument("--profiles", metavar="FILE", help="profiles from a TOML or JSON file")
    serving.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    serving.add_argument("--port", type=int, default=8001, help="default: %(default)s; 0: any")
    serving.add_argument("--seed", type=int, default=0, help="decides every draw")
    serving.add_argument("--api-key", help="refuse requests without this key")
    serving.add_argument(
        "--dialect",
        choices=list(DIALECTS),
        help="the provider whose Chat Completions and errors it imitates (default: none)",
    )
    serving.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    serving.set_defaults(command=_serve)

    engine_command.add_command(commands)
    evaluate_command.add_command(commands)

    showing = commands.add_parser("profiles", help="list the profiles and their sources")
    showing.add_argument("--profiles", metavar="FILE", help="show those of a TOML or JSON file too")
    showing.add_argument(
        "--draw",
        metavar="PREFIX",
        help="also draw TTFT against context and speed against concurrency, "
        "to PREFIX-ttft.svg and PREFIX-speed.svg",
    )
    showing.set_defaults(command=_profiles)

    own_agent_command.add_commands(commands)
    return parser


def _serve(options: argparse.Namespace) -> None:
    profiles = load_profiles(options.profiles) if options.profiles else {}
    for asked in options.profile or ():
        model, _, name = asked.rpartition("=")
        profiles[model or name] = profiles.get(name) or named_profile(name)
    if options.until_stdin_closes:
        stop_when_stdin_closes()
    app = create_app(
        profiles or NAMED,
        seed=options.seed,
        api_key=options.api_key,
        epoch_s=wall_epoch_s(),
        dialect=options.dialect,
    )
    serve(app, options.host, options.port)


def _profiles(options: argparse.Namespace) -> None:
    profiles = {**NAMED, **(load_profiles(options.profiles) if options.profiles else {})}
    print(listing(profiles.values()))
    if options.draw:
        _draw(list(profiles.values()), options.draw)


def _draw(profiles: list[LatencyProfile], prefix: str) -> None:
    from labtools.plots import speed_by_concurrency, ttft_by_context  # Slow to import.

    for name, figure in (
        ("ttft", ttft_by_context(profiles)),
        ("speed", speed_by_concurrency(profiles)),
    ):
        path = f"{prefix}-{name}.svg"
        figure.save(path)
        print(f"\n{path}: {figure.alt}")


_TO_RUN_LABS = ("jupyterlab", "ipywidgets", "ipykernel")


def _check(options: argparse.Namespace) -> None:
    """OK or FAIL for each thing that a lab needs, and what to do if it fails."""
    print(f"Endpoint in force: {_endpoint_in_force()}")
    all_fine = True
    for name, problem in _checks():
        print(f"OK    {name}" if problem is None else f"FAIL  {name}: {problem}")
        all_fine &= problem is None
    print(_engine())
    if not all_fine:
        sys.exit(1)


def _checks() -> Iterator[tuple[str, str | None]]:
    """(what was looked at, what is wrong and what to do about it or None)."""
    version = ".".join(map(str, sys.version_info[:3]))
    too_old = sys.version_info < (3, 11)
    yield f"Python {version}", "the labs need 3.11 or newer; install it" if too_old else None
    for requirement in (*_requirements(), *map(Requirement, _TO_RUN_LABS)):
        yield _package(requirement)
    yield "a call on the simulated clock", _problem(_simulated_call)
    if os.environ.get("LABTOOLS_ENDPOINT", "sim") != "sim":
        shown = without_credentials(os.environ["LABTOOLS_ENDPOINT"])
        yield f"the endpoint {shown}", _problem(lambda: connect().close())


def _engine() -> str:
    """The labs do without the engine, so it never fails the check."""
    if missing := missing_packages():
        return f"-     the engine, which no lab needs: without {', '.join(missing)}; {TO_INSTALL}"
    return f'OK    the engine: xllamacpp {engine_version()}; connect("engine") starts it'


def _endpoint_in_force() -> str:
    endpoint = os.environ.get("LABTOOLS_ENDPOINT")
    if endpoint is None:
        return "sim (the embedded mock; set LABTOOLS_ENDPOINT to change it)"
    return f"{without_credentials(endpoint)} (from LABTOOLS_ENDPOINT)"


def _requirements() -> list[Requirement]:
    """What the installed package declares for this Python, extras left out."""
    try:
        lines = importlib.metadata.requires("labtools") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    wanted = [Requirement(line) for line in lines]
    return [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]


def _package(requirement: Requirement) -> tuple[str, str | None]:
    advice = "run `make course`, or `pip install -r requirements.txt`"
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return requirement.name, f"not installed; {advice}"
    name = f"{requirement.name} {version}"
    if requirement.specifier.contains(version, prereleases=True):
        return name, None
    return name, f"the labs need {requirement.specifier}; {advice}"


def _problem(attempt: Callable[[], None]) -> str | None:
    try:
        attempt()
    except LabtoolsError as error:
        return str(error)
    except Exception as error:  # whatever it is, the reader wants the other lines too
        return f"{type(error).__name__}: {error}"
    return None


def _simulated_call() -> None:
    with connect("sim", profile="fast") as lab:

        async def one_call() -> None:
            await lab.call("check", output_tokens=10)

        record = lab.run(one_call()).calls[0]
    expected_s = 0.15 + 10 / 200
    if record.e2e_latency_s != expected_s:
        raise LabtoolsError(
            f"a call that takes {expected_s} s read {record.e2e_latency_s} s ({record.error}); "
            "this is a bug in labtools"
        )
