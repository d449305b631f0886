"""The ledger: every claim of the essay that can be tested, recomputed, with the verdict.

CHAPTER/claims.toml       a table for each claim, under its id
CHAPTER/checks.py         a function for each that can be recomputed, named after it

A verdict is stated in the claim's file and follows from numbers: `Finding.verdict`. `Claim.check`
raises where the two differ, so nobody can state one that the numbers contradict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from labtools.course import CHAPTERS, FOLDER
from labtools.errors import ConfigurationError
from labtools.files import values_in
from labtools.read_back import read_back

Figure = int | float | str
ABOUT = 0.05
"""Where the essay rounds, a figure is met within this share of it."""


class Verdict(StrEnum):
    """All that can be said of a claim."""

    HOLDS = "holds"
    HOLDS_IF = "holds if"
    FAILS = "fails"
    NOT_TESTED = "not tested here"

    @property
    def css_class(self) -> str:
        """What its chip on the page is called."""
        return f"verdict-{self.replace(' ', '-')}"

    def chip(self, words: str) -> str:
        """These words as MyST, in its colour."""
        return f"[{words}]{{.{self.css_class}}}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a claim comes to when it is recomputed."""

    values: Mapping[str, Figure] = field(default_factory=dict)
    """What was computed, by the names that the claim's texts use."""
    holds: bool | None = None
    """Whether the claim holds as it stands; None where no computation can say."""
    holds_if: bool = False
    """Whether it holds under the condition that the claim names."""

    @property
    def verdict(self) -> Verdict:
        if self.holds is None:
            return Verdict.NOT_TESTED
        if self.holds:
            return Verdict.HOLDS
        return Verdict.HOLDS_IF if self.holds_if else Verdict.FAILS


Recompute = Callable[..., Finding]
"""Gets the essay's figures by name."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the ledger. Its texts are MyST; those that are filled in name their fields.

    `says`, `recomputed` and `because` are formatted with the figures and the values by name, so
    that no number stands in them twice.
    """

    id: str
    title: str
    section: str
    """The heading in the essay."""
    says: str
    chapter: str
    """The stem of the chapter's file, and of its lab's."""
    verdict: Verdict
    because: str
    condition: str = ""
    """What has to be so, where the verdict is "holds if"."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """The essay's own."""
    recomputed: str = ""
    uses: tuple[str, ...] = ()
    """The functions of labtools that the numbers come from, without the leading "labtools."."""
    evidence_for: str = ""
    evidence_against: str = ""
    also_in: tuple[str, ...] = ()
    """The other chapters that measure it, with their labs, by the same stems."""
    recompute: Recompute | None = None
    """None for a claim about users, models or providers, which no formula can decide."""

    @property
    def target(self) -> str:
        """Its anchor on the page."""
        return f"claim-{self.id}"

    @property
    def verdict_words(self) -> str:
        return f"{self.verdict} {self.condition}" if self.condition else str(self.verdict)

    def finding(self) -> Finding:
        """Recompute it from the essay's figures."""
        return self.recompute(**self.figures) if self.recompute else Finding()

    def check(self) -> Finding:
        """The finding. Raises ConfigurationError if another verdict follows from it."""
        finding = self.finding()
        if finding.verdict is not self.verdict:
            raise ConfigurationError(
                f"Claim {self.id!r} is stated as {self.verdict.value!r}, but its numbers say "
                f"{finding.verdict.value!r}: {dict(finding.values)}. Correct the claim's file, or "
                "find out what has changed."
            )
        if (self.verdict is Verdict.HOLDS_IF) != bool(self.condition):
            raise ConfigurationError(
                f'Claim {self.id!r}: a condition belongs to "holds if" and to no other verdict; '
                f"found {self.condition!r} with {self.verdict.value!r}."
            )
        return finding


def about(found: float, claimed: float) -> bool:
    """Whether a rounded figure is met."""
    return abs(found - claimed) <= ABOUT * abs(claimed)


@cache
def claims() -> Mapping[str, Claim]:
    """Every claim by its id, in the order of the book."""
    found: dict[str, Claim] = {}
    for chapter in CHAPTERS:
        file = FOLDER / chapter / "claims.toml"
        for id_, table in (values_in(file) if file.exists() else {}).items():
            if id_ in found:
                raise ConfigurationError(f"Two claims have the id {id_!r}. Ids must differ.")
            module = import_module(f"{__package__}.{chapter}.checks")
            found[id_] = claim_from(id_, table, chapter, module)
    return found


def claim_from(id_: str, table: Mapping[str, Any], chapter: str, module: ModuleType) -> Claim:
    """One claim. Raises ConfigurationError that names the claim and the field."""
    recompute = getattr(module, id_.replace("-", "_"), None)
    values = {"id": id_, "chapter": chapter, **table, "recompute": recompute}
    return read_back(Claim, values, f"Claim {id_!r} in {chapter}/claims.toml")


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
    rows = [
        f"| {verdict.chip(verdict)} | {of[verdict]} | {MEANINGS[verdict]} |" for verdict in Verdict
    ]
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
            f"{claim.verdict.chip(f'**{verdict}.**')} {claim.because.format(**values)}",
            *_terms(_open(claim, values)),
            f'<details class="ledger-more"><summary>{", ".join(folded).capitalize()}</summary>',
            *_terms(folded.items()),
            "</details>",
        ]
    )


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
        computing = f"{claim.recompute.__module__}.{claim.recompute.__name__}"
        yield "Computed by", f"`{computing.removeprefix('labtools.')}`, with {used}."
    stems = (claim.chapter, *claim.also_in)
    yield "Where", "; ".join(f"[](../chapters/{s}.md), [](../labs/{s}.ipynb)" for s in stems)
