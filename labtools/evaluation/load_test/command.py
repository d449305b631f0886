"""`python -m labtools evaluate load ...`: one endpoint under many clients, or many arrivals."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from labtools.clock import monotonic_s, unix_time_s
from labtools.errors import ConfigurationError
from labtools.evaluation.abilities import find_abilities
from labtools.evaluation.candidates import USUAL, key_in, refusals_name, require_folder_name
from labtools.evaluation.load_test import (
    LoadPlan,
    commands_for_machines,
    require_locust,
    run_locust,
)
from labtools.evaluation.load_test.results import LoadResults, read_load
from labtools.evaluation.plan import Call
from labtools.lab.budget import Budget
from labtools.lab.connect import connect
from labtools.lab.stopwatch import timed_call
from labtools.progress import Progress
from labtools.records import CallRecord

# Fields of the plan whose option is not called as they are.
_NAMES = {"request_rate_per_s": "--request-rate", "run_time_s": "--run-time"}
_NUMBERS = [field for field in fields(LoadPlan) if str(field.type).startswith(("int", "float"))]
EPILOG = """\
Runs on Locust. Every call is a line of OUT/NAME/load-*.jsonl from the moment it ends. --users alone
is a closed loop: each sends its next call when its last has ended. --request-rate is an open one:
calls are sent at random instants, whether or not others have ended; --users then spread them over
processes.
"""


def add_load_command(actions: Any) -> None:
    """The action `load` and its options, for `evaluate`."""
    parser = actions.add_parser(
        "load",
        help="load one endpoint, from several processes or machines",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--base-url", metavar="URL", help='or "mock" for the course\'s own')
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--name", metavar="NAME", help="the folder of the results")
    parser.add_argument("--out", default="results", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument(
        "--key-from",
        metavar="VARIABLE",
        help=f"the environment variable with the key (default: {USUAL})",
    )
    for field in _NUMBERS:
        parser.add_argument(
            _NAMES.get(field.name, f"--{field.name.replace('_', '-')}"),
            dest=field.name,
            type=int if field.type == "int" else float,
            default=field.default,
            metavar="S" if field.name.endswith("_s") and "per" not in field.name else "N",
            help="default: %(default)s" if field.default else "calls a second, open loop",
        )
    parser.add_argument("--read", metavar="FOLDER", help="say again what a run came to")
    parser.add_argument("--run-label", default="*", metavar="RUN", help="which run of the folder")
    parser.set_defaults(command=_load)


def _load(options: argparse.Namespace) -> None:
    if options.read:
        print(read_load(Path(options.read), options.run_label, slo_s=options.slo_s))
        return
    for name in ("base_url", "model", "name"):
        if not (getattr(options, name) or "").strip():
            raise ConfigurationError(
                f"--{name.replace('_', '-')} is missing or empty. For example: evaluate load "
                "--base-url https://api.example.com/v1 --model NAME --name acme --users 32."
            )
    numbers = {field.name: getattr(options, field.name) for field in _NUMBERS}
    api_key = key_in(options.key_from)
    endpoint = options.name, options.base_url, options.model, Path(options.out)
    with refusals_name(options.key_from):
        run_load(*endpoint, api_key=api_key, **numbers)


def run_load(
    name: str,
    base_url: str,
    model: str,
    out: Path,
    *,
    api_key: str | None = None,
    progress: bool = True,
    **numbers: Any,
) -> LoadResults:
    """Load one endpoint into OUT/NAME, print what came of it, and return it.

    `base_url` is an address or "mock", whose models are the named profiles. `numbers` are the rest
    of `LoadPlan`. Interrupted, it prints what ended until then, and raises KeyboardInterrupt on.

    Raises ConfigurationError for what cannot run (no Locust, no address), EndpointUnusable for an
    endpoint that does not stream, BudgetExceeded when the budget does not hold the first calls,
    NothingMeasured when no call ended.
    """
    require_locust()
    is_mock = base_url == "mock"
    # Refused before anything is sent; where the mock is going to be, nobody knows yet.
    plan = LoadPlan("http://mock" if is_mock else base_url, model, **numbers)
    first = Budget(plan.max_requests, plan.max_tokens)
    folder = out / name
    require_folder_name(name)
    with connect(base_url, profile=model, model=model, api_key=api_key, budget=first) as lab:

        async def send(call: Call) -> CallRecord:
            return await timed_call(lab.client, model=model, **call.request)

        abilities = lab.run(find_abilities(send, plan.seed)).result
        plan = replace(
            plan,
            base_url=str(lab.client.base_url).rstrip("/"),
            limit=abilities.limit,
            usage=abilities.usage,
            max_requests=max(0, plan.max_requests - lab.meter.requests),
            max_tokens=max(0, plan.max_tokens - lab.meter.spent.total),
        )
        folder.mkdir(parents=True, exist_ok=True)
        run = f"{unix_time_s():.0f}"
        print(
            f"At most {plan.max_requests:,} requests and {plan.max_tokens:,} tokens in "
            f"{plan.run_time_s} s. Records: {folder}/load-{run}-*.jsonl"
        )
        notes: list[str] = []
        shown = Progress(monotonic_s(), progress)
        try:
            notes = run_locust(
                plan,
                folder,
                run,
                lab.client.api_key,
                lambda: shown.say(f"Load of {plan.run_time_s} s", monotonic_s()),
            )
        except KeyboardInterrupt:
            print("Interrupted. What ended until then:")
            print(read_load(folder, run, plan.users, plan.slo_s))
            raise
        finally:
            shown.end()
    print("\n".join(notes), end="\n" if notes else "")
    results = read_load(folder, run, plan.users, plan.slo_s)
    print(results)
    if not is_mock:  # That ends with this run: no other machine would find it.
        print(f"\n{commands_for_machines(plan, folder)}")
    return results
