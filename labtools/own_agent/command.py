"""`python -m labtools trace`: a run from a file, explained, moved, and set beside another."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labtools.errors import ConfigurationError
from labtools.files import write_whole
from labtools.lab.trace import Trace
from labtools.lab.whatif import what_if
from labtools.model.named_profiles import load_profiles, named_profile
from labtools.model.profile import LatencyProfile
from labtools.own_agent.fit import Identity, identity
from labtools.own_agent.levers import Levers
from labtools.own_agent.page import page
from labtools.own_agent.reading import read_trace
from labtools.own_agent.report import refuse_if_nothing_holds, report, sentences
from labtools.read_back import to_json

_TTL_S = 300.0
_ROWS = 40  # steps that a screen takes


def add_command(commands: Any) -> None:
    """Add `trace` to the command line."""
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
        _show(options, trace, "\n".join(sentences(said)))
    if options.html:
        _write(options.html, page(said))
        print(f"{options.html}: open it in a browser") if not options.json else None
    if options.perfetto:
        try:
            trace.save_chrome_trace(options.perfetto)
        except OSError as error:
            raise ConfigurationError(f"Cannot write {options.perfetto}: {error}.") from None
        print(
            f"{options.perfetto}: open it at https://ui.perfetto.dev"
        ) if not options.json else None
    refuse_if_nothing_holds(said, levers)


def _show(options: argparse.Namespace, trace: Trace, said: str) -> None:
    """The first screen; behind it the steps, or the steps beside those of another run."""
    print(f"{options.file}: {_in_short(trace)}")
    other = None
    if options.other:
        other = read_trace(options.other)
    else:
        print(said)
        if options.on and identity(trace).holds:
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


def _write(out: str, text: str) -> None:
    try:
        write_whole(out, text)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {out}: {error}.") from None
