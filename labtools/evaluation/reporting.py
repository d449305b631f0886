"""What a person reads, and the files that are made from what was measured, at any time again.

A report and a comparison are each one HTML page that needs nothing else.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from itertools import zip_longest
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from labtools.errors import ConfigurationError
from labtools.evaluation.axes import AXES
from labtools.evaluation.compare import compare
from labtools.evaluation.comparison import Comparison, Fact
from labtools.evaluation.figures import times_as_long
from labtools.evaluation.fitting import Fit, fit
from labtools.evaluation.plan import NAMES
from labtools.evaluation.report import Report, summarise
from labtools.evaluation.results_folder import ResultsFolder
from labtools.files import write_whole
from labtools.model.profile import Prices
from labtools.read_back import to_json
from labtools.wording import duration, four_digits, joined, signed_share

TERMINAL = 100  # characters in a line


def write_report(folder: str | Path, prices: Prices | None = None) -> Report:
    """Write report.json, report.html and, where a profile can be fitted, profile.json."""
    results = ResultsFolder(folder)
    measured = results.read()
    found = fit(measured)
    report = summarise(measured, found, prices)
    write_whole(results.path / "report.json", to_json(report))
    write_whole(results.path / "report.html", page(report))
    if found.profile:
        write_whole(results.path / "profile.json", found.profile_json())
    return report


def write_profile(folder: str | Path) -> tuple[Fit, Path]:
    """Fit the latency model, and write profile.json. Raises NothingMeasured when it cannot."""
    results = ResultsFolder(folder)
    found = fit(results.read())
    return found, write_whole(results.path / "profile.json", found.profile_json())


def write_comparison(
    folders: Sequence[str | Path], prefix: str | Path, prices: Sequence[Prices] = ()
) -> Comparison:
    """Compare measured endpoints, and write PREFIX.html and PREFIX.json.

    Raises ConfigurationError for a folder that comes twice: it would be like itself.
    """
    seen: dict[Path, str | Path] = {}
    for folder in folders:
        if (path := Path(folder).resolve()) in seen:
            raise ConfigurationError(
                f"{folder} comes twice among what is to be compared"
                f"{'' if str(folder) == str(seen[path]) else f', also as {seen[path]}'}. "
                "Name the folder of another endpoint or of another run."
            )
        seen[path] = folder
    found = compare(*(ResultsFolder(folder).read() for folder in folders), prices=prices)
    prefix = Path(prefix)
    write_whole(prefix.with_name(f"{prefix.name}.json"), to_json(found))
    write_whole(prefix.with_name(f"{prefix.name}.html"), comparison_page(found))
    return found


def page(report: Report) -> str:
    """The page: the verdict first, then axis by axis, then what to know to judge it."""
    figures = {name: draw(report) for axis in AXES for name, draw in axis.figures.items()}
    template = environment().get_template("report.html")
    return template.render(
        report=report,
        sections=[axis.section for axis in AXES if axis.section],
        figures={name: figure.html if figure else "" for name, figure in figures.items()},
        settings=asdict(report.settings),
    )


def comparison_page(found: Comparison) -> str:
    """The page: the verdict first, then the differences, then the numbers behind them."""
    figure = times_as_long(found)
    facts = [(fact.what, [shown(fact, value) for value in fact.values]) for fact in found.facts]
    template = environment().get_template("comparison.html")
    heading = joined(endpoint.name for endpoint in found.endpoints)
    return template.render(
        found=found, names=heading, figure=figure.html if figure else "", facts=facts
    )


def as_text(found: Comparison) -> str:
    """The verdict's first sentence, and a line a quantity: p50s, and what the pairs say."""
    names = [endpoint.name for endpoint in found.endpoints]
    rows = [["", *names, *(f"{name} against {names[0]}" for name in names[1:])]]
    for fact in found.facts:
        rows.append([fact.what, *(shown(fact, value) for value in fact.values)])
    for row in found.quantities:
        values = [duration(stat.p50.value) if stat.p50 else "–" for stat in row.stats]
        said = [
            against.finding
            if against.relative is None or against.finding not in ("slower", "faster")
            else f"{against.finding} {signed_share(against.relative)}"
            for against in row.against
        ]
        rows.append([row.what, *values, *said])
    lines = [f"! {warning}" for warning in found.warnings]
    if found.verdict:
        lines = [*textwrap.wrap(found.verdict[0].text, TERMINAL), "", *lines]
    lines += aligned(rows)
    lines += [f"not compared: {left.what}: {left.reason}" for left in found.not_compared]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def shown(fact: Fact, value: float | None) -> str:
    """A fact's value in its unit."""
    if value is None:
        return "–"
    if fact.unit == "s":
        return duration(value)
    if fact.unit == "usd":
        return f"{value:.4f}"
    return f"{value:.0%}" if fact.unit == "share" else f"{value:,.0f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, its columns below each other."""
    columns = list(zip_longest(*rows, fillvalue=""))
    widths = [max(map(len, column)) for column in columns]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in zip(*columns, strict=True)
    ]


@cache
def environment() -> Environment:
    """Templates and filters. Whatever is no template is escaped."""
    made = Environment(
        loader=PackageLoader("labtools.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "duration": lambda seconds: "–" if seconds is None else duration(seconds),
        "signed": _signed,
        "share": lambda part: "–" if part is None else f"{part:.0%}".replace("-", "−"),
        "percent": lambda part: f"{part:.1%}".replace("-", "−"),
        "digits": lambda number: "–" if number is None else four_digits(number),
        "number": lambda number: "–" if number is None else f"{number:,.0f}",
        "rate": lambda rate: (
            "–" if rate is None else f"{rate:,.3g}" if rate < 1e3 else f"{rate:,.0f}"
        ),
        "label": NAMES.__getitem__,
    }
    made.globals["formats"] = made.filters  # for macros that take one
    return made


def _signed(seconds: float) -> str:
    """A difference in seconds, with a sign unless it is none."""
    shown = duration(abs(seconds))
    if shown == "0 ms":
        return shown
    return f"{'+' if seconds > 0 else '−'}{shown}"
