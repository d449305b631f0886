"""A report as one HTML page that needs no other file, no network and no script."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from labtools.evaluation.figures import figures
from labtools.evaluation.summary.names import FORM_LABELS, REUSE_LABELS
from labtools.evaluation.summary.report import Report
from labtools.wording import duration


def page(report: Report) -> str:
    """The page: the verdict first, then axis by axis, then what to know to judge it."""
    drawn = {name: one.html if one else "" for name, one in figures(report).items()}
    loads = [*report.closed_loop, *([report.open_loop] if report.open_loop else [])]
    template = environment().get_template("report.html")
    return template.render(
        report=report, figures=drawn, loads=loads, settings=report.settings.as_dict()
    )


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
        "digits": lambda number: "–" if number is None else f"{number:,.4g}",
        "number": lambda number: "–" if number is None else f"{number:,.0f}",
        "rate": lambda rate: (
            "–" if rate is None else f"{rate:,.3g}" if rate < 1e3 else f"{rate:,.0f}"
        ),
        "form": FORM_LABELS.__getitem__,
        "reuse": REUSE_LABELS.__getitem__,
    }
    return made


def _signed(seconds: float) -> str:
    """A difference in seconds, with a sign unless it is none."""
    shown = duration(abs(seconds))
    if shown == "0 ms":
        return shown
    return f"{'+' if seconds > 0 else '−'}{shown}"
