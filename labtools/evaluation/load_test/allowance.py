"""One process's part of a run's budget, so that no process has to ask another before it sends."""

from __future__ import annotations

from dataclasses import dataclass


def share(total: int, part: int, parts: int) -> int:
    """What falls to this part, counted from 0, of a whole number. A part too many gets nothing."""
    return total // parts + (part < total % parts) if part < parts else 0


@dataclass(slots=True)
class Allowance:
    """What may still be sent. A call counts as its worst case until its usage is known."""

    requests: int
    tokens: int

    def take(self, worst_tokens: int) -> bool:
        """Whether a call that may take so many tokens may be sent. If so, it is paid for."""
        if self.requests < 1 or self.tokens < worst_tokens:
            return False
        self.requests -= 1
        self.tokens -= worst_tokens
        return True

    def settle(self, worst_tokens: int, tokens: int | None) -> None:
        """Give back what a call did not take. None: nobody knows, and the worst case stands."""
        if tokens is not None:
            self.tokens += worst_tokens - tokens
