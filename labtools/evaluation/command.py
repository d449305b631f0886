"""`python -m labtools evaluate ...`: measure endpoints, and look again at what was measured."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from labtools.errors import BudgetExceeded, ConfigurationError
from labtools.evaluation import axes
from labtools.evaluation.candidates import USUAL, candidates_of
from labtools.evaluation.load_test.command import add_load_command
from labtools.evaluation.plan import Estimate, estimate
from labtools.evaluation.reporting import (
    aligned,
    as_text,
    write_comparison,
    write_profile,
    write_report,
)
from labtools.evaluation.results_folder import ResultsFolder
from labtools.evaluation.session import held, measure
from labtools.evaluation.settings import SETTING_NAMES, SIZES, Settings, as_typed, from_typed, size
from labtools.lab.budget import Budget
from labtools.model.profile import Prices
from labtools.wording import count, four_digits

# A real tokenizer counts differently from the estimate, and an interrupted block is paid twice.
HEADROOM = 1.5
WIDTH = 96
MEASURED = "what `evaluate` measured into, such as results/acme"
PRICES = "US dollars for a million input, cached input and output tokens"
EPILOG = """\
--base-url is an address that usually ends in /v1, or "sim" or "mock" for the course's own mock,
whose models are the profiles. With several endpoints the probes are interleaved: give --base-url,
--model and --name once for each, in the same order. Interrupted, the same command goes on where it
was.
"""


def add_command(commands: Any) -> None:
    """The command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="measure endpoints for an agent's builder",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_measure)
    actions = parser.add_subparsers(metavar="ACTION")

    comparing = actions.add_parser("compare", help="put measured endpoints side by side")
    comparing.add_argument(
        "folders",
        nargs="+",
        metavar="FOLDER",
        help=f"{MEASURED}; two or more, each compared with the first",
    )
    comparing.add_argument(
        "--out",
        default="comparison",
        metavar="PREFIX",
        help="writes PREFIX.html and PREFIX.json (default: %(default)s)",
    )
    comparing.add_argument(
        "--prices",
        action="append",
        metavar="IN,CACHED,OUT",
        help=f"{PRICES}; once for all, or once for each folder in their order",
    )
    comparing.set_defaults(command=_compare)

    fitting = actions.add_parser("fit", help="turn a measured endpoint into a profile")
    fitting.add_argument("folder", metavar="FOLDER", help=f"{MEASURED}; gets profile.json")
    fitting.set_defaults(command=_fit)

    reporting = actions.add_parser("report", help="write the report of what was measured again")
    reporting.add_argument(
        "folder", metavar="FOLDER", help=f"{MEASURED}; gets report.html and report.json"
    )
    reporting.add_argument("--prices", metavar="IN,CACHED,OUT", help=PRICES)
    reporting.set_defaults(command=_report)
    add_load_command(actions)

    parser.add_argument("--base-url", action="append", metavar="URL")
    parser.add_argument("--model", action="append", metavar="NAME")
    parser.add_argument("--name", action="append", metavar="NAME", help="what the report calls it")
    parser.add_argument("--out", default="results", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument(
        "--key-from",
        action="append",
        metavar="VARIABLE",
        help=f"the environment variable with the key (default: {USUAL})",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the estimate and stop")
    parser.add_argument("--max-requests", type=int, metavar="N", help="for each endpoint")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="for each endpoint")
    parser.add_argument("--max-usd", type=float, metavar="X", help="for each; needs --prices")
    parser.add_argument("--prices", metavar="IN,CACHED,OUT", help=PRICES)
    parser.add_argument("--size", default="default", help=f"{', '.join(SIZES)}")
    settings = parser.add_argument_group("settings", "each replaces what the size says")
    for name in SETTING_NAMES:
        settings.add_argument(
            f"--{name.replace('_', '-')}",
            metavar="N,N" if name in ("contexts", "concurrency") else "N",
            help=f"default: {as_typed(getattr(SIZES['default'], name))}",
        )


def _measure(options: argparse.Namespace) -> None:
    candidates = candidates_of(options)
    settings = _settings(options)
    prices = _prices(options.prices) if options.prices else None
    expected = estimate(axes.everything(settings))
    budget = _budget(options, expected, prices)
    announcement = _announcement(expected, prices, len(candidates))
    if options.dry_run:
        print(announcement)
        return
    out = Path(options.out)
    with ExitStack() as open_labs:
        labs = {}
        for candidate in candidates:
            left = _left(budget, out / candidate.name)
            labs[candidate.name] = open_labs.enter_context(candidate.connect(left))
        sessions = open_labs.enter_context(held(labs, out, settings))
        print(announcement)
        try:
            measure(sessions)
        except BudgetExceeded:
            raise _limit_reached(budget, [session.folder for session in sessions]) from None
        finally:
            # Whatever stopped it, what was measured until then is worth reading.
            folders = [out / name for name in labs if not ResultsFolder(out / name).empty]
            for folder in folders:
                _report_on(folder, prices)
    if len(folders) > 1:
        _compare_all(folders, out / "comparison", [prices] * len(folders) if prices else [])


def _limit_reached(budget: Budget, folders: Sequence[ResultsFolder]) -> BudgetExceeded:
    """The error in the words of this command; what was spent is on disk."""
    spent = []
    for folder in folders:
        made = folder.read()
        usd = "" if not budget.prices else f", {made.spent.cost_usd(budget.prices):.4f} US dollars"
        spent.append(
            f"{folder.path} has {len(made.made):,} requests and {made.spent.total:,} tokens{usd}"
        )
    money = "" if budget.usd is None else f", --max-usd {budget.usd:g}"
    return BudgetExceeded(
        f"The next request would pass a limit of this command: --max-requests "
        f"{budget.requests:.0f}, --max-tokens {budget.tokens:.0f}{money} for each endpoint, all "
        f"runs into its folder together. {'; '.join(spent)}. To go on from there, give the same "
        "command with a higher limit."
    )


def _report(options: argparse.Namespace) -> None:
    prices = _prices(options.prices) if options.prices else None
    _report_on(Path(options.folder), prices)


def _report_on(folder: Path, prices: Prices | None) -> None:
    report = write_report(folder, prices)
    print(f"\n{report.endpoint.name}, {report.endpoint.model} at {report.endpoint.endpoint}")
    for sentence in report.verdict:
        print(textwrap.fill(sentence.text, WIDTH, initial_indent="- ", subsequent_indent="  "))
    print(f"{folder / 'report.html'}")


def _compare(options: argparse.Namespace) -> None:
    folders, prices = options.folders, [_prices(text) for text in options.prices or ()]
    if len(prices) not in (0, 1, len(folders)):
        raise ConfigurationError(
            f"--prices is given once for all folders or once for each; found {len(prices)} for "
            f"{len(folders)}."
        )
    _compare_all(folders, Path(options.out), prices * len(folders) if len(prices) == 1 else prices)


def _compare_all(folders: Sequence[str | Path], prefix: Path, prices: Sequence[Prices]) -> None:
    print(f"\n{as_text(write_comparison(folders, prefix, prices))}")
    print(f"{prefix}.html")


def _fit(options: argparse.Namespace) -> None:
    found, path = write_profile(options.folder)
    rows = [
        (p.name, p.status.replace("_", " "), "" if p.value is None else four_digits(p.value))
        for p in found.parameters
    ]
    print("\n".join(line.rstrip() for line in aligned(rows)))
    for chain in found.held_out:
        print(
            f"Not fitted to: {count(chain.chains, 'chain')}, {chain.predicted_s:.3f} s predicted, "
            f"{chain.measured_s:.3f} s measured. A step is off by {chain.median_step_error:.1%} at "
            f"the median, {chain.worst_step_error:.1%} at worst (cached tokens as the "
            f"{chain.cached_from} has them)."
        )
    print(f"{path}, for `python -m labtools serve --profiles {path}`")


def _settings(options: argparse.Namespace) -> Settings:
    texts = {name: getattr(options, name) for name in SETTING_NAMES}
    typed = {name: from_typed(name, text) for name, text in texts.items() if text is not None}
    return size(options.size).but(**typed)


def _prices(text: str) -> Prices:
    try:
        given, cached, output = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigurationError(
            f"--prices takes three numbers, IN,CACHED,OUT, such as 0.60,0.30,2.40; found {text!r}."
        ) from None
    return Prices(given, cached, output)


def _budget(options: argparse.Namespace, expected: Estimate, prices: Prices | None) -> Budget:
    """What each endpoint may cost. Raises ConfigurationError if the plan cannot fit into it."""
    if options.max_usd is not None and prices is None:
        raise ConfigurationError(
            "--max-usd needs --prices IN,CACHED,OUT: what a million tokens cost."
        )
    usd = expected.cost_usd(prices) if prices else 0.0
    needs: dict[str, tuple[float | None, float, str]] = {
        "--max-requests": (options.max_requests, expected.requests, "requests"),
        "--max-tokens": (options.max_tokens, expected.tokens, "tokens"),
        "--max-usd": (options.max_usd, usd, "US dollars"),
    }
    for name, (limit, needed, unit) in needs.items():
        if limit is not None and limit < needed:
            raise ConfigurationError(
                f"The plan needs up to {needed:,.6g} {unit}, and {name} allows {limit:,.6g}. "
                "Nothing was sent. Raise the limit, or take a smaller plan: --size quick, fewer "
                "--contexts."
            )
    return Budget(
        requests=options.max_requests or math.ceil(HEADROOM * expected.requests) + 100,
        tokens=options.max_tokens or math.ceil(HEADROOM * expected.tokens) + 100_000,
        usd=options.max_usd,
        prices=prices,
    )


def _left(budget: Budget, folder: Path) -> Budget:
    """The budget less what an earlier part of the same run has spent."""
    results = ResultsFolder(folder)
    if results.empty:
        return budget
    found = results.read()
    usd = budget.usd
    if usd is not None and budget.prices is not None:
        usd = max(0.0, usd - found.spent.cost_usd(budget.prices))
    return replace(
        budget,
        requests=max(0, budget.requests - len(found.made)),
        tokens=max(0, budget.tokens - found.spent.total),
        usd=usd,
    )


def _announcement(expected: Estimate, prices: Prices | None, endpoints: int) -> str:
    money = f", {expected.cost_usd(prices):.2f} US dollars" if prices else ""
    each = "" if endpoints == 1 else f", for each of {endpoints} endpoints"
    return (
        f"At most {expected.requests} requests, {expected.input_tokens:,} input and "
        f"{expected.output_tokens:,} output tokens{money}{each}."
    )
