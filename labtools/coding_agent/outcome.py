"""How a run of the agent ended, and what it spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labtools.model.profile import Prices
from labtools.records import CallRecord


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the agent says it did, and whether that is so."""

    stopped: str
    """"accepted": the tests pass and the verifier agrees. Otherwise why it gave up: "iterations",
    "time", "tokens" or "usd" (a limit of its own), "budget" (the lab's), "stuck" (a step got no
    usable answer)."""
    reason: str
    iterations: int
    tests_passed: bool
    """What the last test run said."""
    diff: str
    """The accepted change. Empty when there is none: what is not accepted is taken back."""
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: float | None = None
    """None where a model's prices are not known."""
    solved: bool | None = None
    """Whether the code is right by tests that the agent never saw. None where there are none."""
    isolation: str = ""
    """What held the test runs of the model's code: "bubblewrap", or the guard alone."""

    @property
    def accepted(self) -> bool:
        """Whether the agent hands over a fix. It may be wrong all the same: see `solved`."""
        return self.stopped == "accepted"


def tokens_of(records: Sequence[CallRecord]) -> tuple[int, int, int]:
    """Input tokens, those of them that were cached, and output tokens; unknown ones count 0."""
    return (
        sum(record.input_tokens or 0 for record in records),
        sum(record.cached_tokens or 0 for record in records),
        sum(record.output_tokens or 0 for record in records),
    )


def cost_of(records: Sequence[CallRecord], prices: Mapping[str, Prices] | None) -> float | None:
    """US dollars for all calls. None if a model among them has no price here."""
    if prices is None or any(record.model not in prices for record in records):
        return None
    return sum(prices[record.model].cost_usd(*tokens_of([record])) for record in records)
