"""Whether the labs can run here: a line for each thing they need, and what to do if it fails."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator

from packaging.requirements import Requirement

from labtools.errors import LabtoolsError
from labtools.lab.connect import connect
from labtools.local_engine.settings import TO_INSTALL, engine_version, missing_packages
from labtools.redaction import without_credentials

_TO_RUN_LABS = ("jupyterlab", "ipywidgets", "ipykernel")


def check() -> bool:
    """Print OK or FAIL for each thing a lab needs. Returns whether all are OK."""
    print(f"Endpoint in force: {_endpoint_in_force()}")
    all_fine = True
    for name, problem in _checks():
        print(f"OK    {name}" if problem is None else f"FAIL  {name}: {problem}")
        all_fine &= problem is None
    print(_engine())
    return all_fine


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
