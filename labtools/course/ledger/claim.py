"""A claim of the essay, what it comes to when it is recomputed, and the verdict that follows.

A verdict is stated in the claim's file and follows from numbers: `Finding.verdict`. `Claim.check`
raises where the two differ, so nobody can state one that the numbers contradict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from labtools.errors import ConfigurationError

Figure = int | float | str
ABOUT = 0.05
"""Where the essay rounds, a figure is met within this share of it."""


class Verdict(StrEnum):
    """All that can be said of a claim."""

    HOLDS = "holds"
    HOLDS_IF = "holds if"
    FAILS = "fails"
    NOT_TESTED = "not tested here"


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
        """What follows."""
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
        """The verdict, with its condition."""
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
