"""A comparison as one HTML page."""

from __future__ import annotations

from labtools.evaluation.comparison.result import Against, Comparison
from labtools.evaluation.comparison.text import shown
from labtools.evaluation.page import environment
from labtools.plots.evaluation import Spread, times_as_long
from labtools.wording import joined


def comparison_page(found: Comparison) -> str:
    """The page: the verdict first, then the differences, then the numbers behind them."""
    rows = {
        row.what: [_spread(one) for one in row.against]
        for row in found.quantities
        if any(one.relative is not None for one in row.against)
    }
    names = [one.name for one in found.endpoints[1:]]
    figure = times_as_long(rows, names).html if rows else ""
    facts = [(fact.what, [shown(fact, value) for value in fact.values]) for fact in found.facts]
    template = environment().get_template("comparison.html")
    heading = joined(one.name for one in found.endpoints)
    return template.render(found=found, names=heading, figure=figure, facts=facts)


def _spread(one: Against) -> Spread | None:
    """As a multiple of the first endpoint's time."""
    if one.relative is None:
        return None
    if one.relative_low is None or one.relative_high is None:
        return 1 + one.relative, None
    return 1 + one.relative, (1 + one.relative_low, 1 + one.relative_high)
