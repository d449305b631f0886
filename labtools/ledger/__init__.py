"""The ledger: every claim of the essay that can be tested, recomputed, with the verdict."""

from labtools.ledger.claim import Claim, Finding, Verdict
from labtools.ledger.page import ledger_markdown
from labtools.ledger.register import claims

__all__ = ["Claim", "Finding", "Verdict", "claims", "ledger_markdown"]
