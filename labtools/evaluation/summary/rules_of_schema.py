"""Rules on what a schema costs, and what it gets."""

from __future__ import annotations

from labtools.evaluation.summary.axes import AgainstFreeform
from labtools.evaluation.summary.names import FORM_PHRASES
from labtools.evaluation.summary.report import Report
from labtools.wording import count, duration, joined


def schema_warm(report: Report) -> str | None:
    """What a schema costs once the endpoint knows it."""
    told = [text for row in report.structured.against_freeform if (text := _warm_cost(row))]
    return " ".join(told) or None


def schema_cold(report: Report) -> str | None:
    """What a schema costs the first time."""
    compiling = report.structured.compiling_s
    if compiling.median is None:
        return None
    pairs = count(compiling.pairs, "schema")
    if compiling.interval is None:
        return (
            f"A schema's first call took {duration(compiling.median)} longer to its first token "
            f"than its second, by the median of {pairs}; an interval needs {compiling.needed}."
        )
    ends = f"{duration(compiling.interval.low)} to {duration(compiling.interval.high)}"
    if not compiling.shown:
        return f"A schema's first call shows no cost over its second ({pairs}: {ends})."
    more = "longer" if compiling.median > 0 else "shorter"
    return (
        f"A schema's first call takes {duration(abs(compiling.median))} {more} to its first token "
        f"than its second ({pairs}: {ends})."
    )


def invalid_answers(report: Report) -> str | None:
    """Answers that an agent could not have used."""
    bad = [
        f"{row.answered - row.valid} of {row.answered} to {FORM_PHRASES[row.form]}"
        for row in report.structured.forms
        if row.valid is not None and row.valid < row.answered
    ]
    if not bad:
        return None
    return f"Answers without exactly the required keys, each one a retry: {joined(bad)}."


def _warm_cost(row: AgainstFreeform) -> str | None:
    """TTFT beyond the prompt's length, and TPOT, of one form."""
    ttft = row.ttft_beyond_length_s or row.ttft_s
    if ttft.median is None:
        return None
    name = FORM_PHRASES[row.form]
    name = name[0].upper() + name[1:]
    beyond = " beyond what its longer prompt takes" if row.ttft_beyond_length_s else ""
    if ttft.interval is None:
        return (
            f"{name} has too few pairs with freeform to say what its schema costs: "
            f"{ttft.pairs}, and {ttft.needed} are needed."
        )
    costs = []
    if ttft.shown:
        costs.append(f"{_more(ttft.median)} of TTFT{beyond}")
    if row.tpot_s.shown and row.tpot_s.median is not None:
        costs.append(f"{_more(row.tpot_s.median)} a token")
    if not costs:
        return (
            f"{name}, its schema known, shows no difference from freeform in TTFT{beyond} or TPOT."
        )
    return f"{name}, its schema known, takes {joined(costs)} against freeform."


def _more(seconds: float) -> str:
    return f"{duration(abs(seconds))} {'more' if seconds > 0 else 'less'}"
