"""The ledger as MyST Markdown: a count of the verdicts, then an entry for each claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from labtools.course.ledger.claim import Claim, Figure, Recompute, Verdict

SECTIONS = (
    "Introduction",
    "The multiplier in concrete terms",
    "Why model size is not the only variable",
    "Model routing",
    "Parallel calls",
    "Coding agent case study",
    "What to evaluate in an inference provider",
    "The compounding effect",
)
"""The essay's headings, in its order and without their subtitles."""

MEANINGS = {
    Verdict.HOLDS: "The numbers agree with the claim as it stands, rounding included.",
    Verdict.HOLDS_IF: "They agree under a condition that the claim does not state.",
    Verdict.FAILS: "They contradict it.",
    Verdict.NOT_TESTED: "It takes users, models or providers that this course does not have.",
}


def ledger_markdown(claims: Iterable[Claim]) -> str:
    """The page's body. Every claim is recomputed; raises ConfigurationError where one differs."""
    claims = list(claims)
    parts = [_counts(claims)]
    for section in SECTIONS:
        rows = [claim for claim in claims if claim.section == section]
        if rows:
            parts += [f"## {section}", *map(_entry, rows)]
    return "\n\n".join(parts) + "\n"


def _counts(claims: list[Claim]) -> str:
    of = Counter(claim.verdict for claim in claims)
    rows = [f"| {verdict} | {of[verdict]} | {MEANINGS[verdict]} |" for verdict in Verdict]
    failing = [
        f"- [{claim.title}](#{claim.target})" for claim in claims if claim.verdict is Verdict.FAILS
    ]
    table = ["| Verdict | Claims | Meaning |", "|---|---|---|", *rows]
    return "\n".join([*table, "", "These fail:", "", *failing])


def _entry(claim: Claim) -> str:
    values = {**claim.figures, **claim.check().values}
    verdict = claim.verdict_words[0].upper() + claim.verdict_words[1:]
    folded = dict(_folded(claim))
    return "\n\n".join(
        [
            f"({claim.target})=\n### {claim.title}",
            f"**{verdict}.** {claim.because.format(**values)}",
            *_terms(_open(claim, values)),
            f'<details class="ledger-more"><summary>{", ".join(folded).capitalize()}</summary>',
            *_terms(folded.items()),
            "</details>",
        ]
    )


def recomputing_function(recompute: Recompute) -> str:
    """Where it is, without the leading "labtools."."""
    return f"{recompute.__module__}.{recompute.__name__}".removeprefix("labtools.")


def _terms(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{term}\n: {text}" for term, text in pairs)


def _open(claim: Claim, values: Mapping[str, Figure]) -> Iterator[tuple[str, str]]:
    yield "The essay says", claim.says.format(**values)
    if claim.recompute is not None:
        yield "Recomputed", claim.recomputed.format(**values)


def _folded(claim: Claim) -> Iterator[tuple[str, str]]:
    """What a reader who doubts the entry looks up."""
    for term, evidence in (("For", claim.evidence_for), ("Against", claim.evidence_against)):
        if evidence:
            yield term, evidence
    if claim.recompute is not None:
        used = ", ".join(f"`{name}`" for name in claim.uses)
        yield "Computed by", f"`{recomputing_function(claim.recompute)}`, with {used}."
    stems = (claim.chapter, *claim.also_in)
    yield "Where", "; ".join(f"[](../chapters/{s}.md), [](../labs/{s}.ipynb)" for s in stems)
