"""The report in sentences, for somebody who builds an agent. Each follows from numbers by a rule.

A rule is a function from the report to a sentence, or to None where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable

from labtools.evaluation.summary.report import Report, Sentence
from labtools.evaluation.summary.rules_of_conduct import (
    blurred,
    failed,
    incomplete,
    lacking,
    prediction,
    too_few,
)
from labtools.evaluation.summary.rules_of_prefix import (
    prefix_cache,
    prefix_disagreement,
    prefix_lifetime,
)
from labtools.evaluation.summary.rules_of_schema import invalid_answers, schema_cold, schema_warm
from labtools.evaluation.summary.rules_of_speed import (
    chain_broken,
    chain_total,
    goodput,
    interfered,
    parallel_calls,
)


def verdict(report: Report) -> tuple[Sentence, ...]:
    """What the rules have to say, in their order."""
    said = ((name, rule(report)) for name, rule in RULES.items())
    return tuple(Sentence(name, text) for name, text in said if text)


RULES: dict[str, Callable[[Report], str | None]] = {
    rule.__name__: rule
    for rule in (
        incomplete,
        chain_total,
        chain_broken,
        parallel_calls,
        goodput,
        interfered,
        prefix_cache,
        prefix_lifetime,
        prefix_disagreement,
        schema_warm,
        schema_cold,
        invalid_answers,
        failed,
        lacking,
        blurred,
        too_few,
        prediction,
    )
}
