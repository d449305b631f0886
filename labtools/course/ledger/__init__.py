"""The ledger: every claim of the essay that can be tested, recomputed, with the verdict."""

from labtools.course.ledger.claim import Claim, Finding, Verdict
from labtools.course.ledger.page import ledger_markdown
from labtools.course.ledger.register import claims

__all__ = ["Claim", "Finding", "Verdict", "claims", "ledger_markdown"]
