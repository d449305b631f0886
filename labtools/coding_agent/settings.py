"""What can be set about the agent, and how a run of it ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from labtools.coding_agent.steps import STEPS
from labtools.coding_agent.tools import IN_CODE
from labtools.errors import require, require_one_of
from labtools.model.profile import Prices
from labtools.records import CallRecord


@dataclass(frozen=True, slots=True)
class Switches:
    """The ways to make the agent faster, each by itself. All are off at first."""

    parallel_reads: bool = False
    """Both reads at once. With `several_tool_calls` too, this one is used: it is the faster."""
    several_tool_calls: bool = False
    """Both reads in one answer: one call instead of two."""
    routing: Mapping[str, str] = field(default_factory=dict)
    """From a step's name to a model. The lab's own model answers the rest."""
    prefix_caching: bool = False
    """Prompts whose beginnings agree. It takes an endpoint with a prefix cache to gain by it."""
    speculative_tests: bool = False
    """The tests start as soon as the fix is written, on a copy, while the patch is still being
    applied. When the patched files are the tested ones, as they should be, the result counts.
    When not, it is thrown away and the tests run again: the outcome never rests on the guess."""
    harness: Collection[str] = ()
    """Steps that code takes, any of `harness.IN_CODE`. Who is sent back to look for another file
    is a model all the same: code would find the same one again."""
    edits: bool = False
    """The fix comes as a search-and-replace, which code applies, not as a whole file."""
    plan_and_fix: bool = False
    """Plan and fix in one answer. Then nobody sees the plan before the fix is written."""
    tests_decide: bool = False
    """Nobody verifies: what passes the tests is accepted, and what does not is planned anew."""
    plan_tokens: int | None = None
    """How long the plan is asked to be. None: as long as it takes."""
    predicted_output: bool = False
    """The request for a whole file carries the file as it is, as a prediction. It takes an endpoint
    that accepts predictions to gain by it. With `edits` there is nothing to predict."""

    def __post_init__(self) -> None:
        for name in self.routing:
            require_one_of("step in routing", name, [step.name for step in STEPS])
        for name in self.harness:
            require_one_of("step in harness", name, IN_CODE)
        require("plan_tokens", self.plan_tokens, at_least=1, whole=True, optional=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the agent gives up."""

    iterations: int = 3
    time_s: float | None = 300.0
    """On the lab's clock."""
    tokens: float = 100_000
    """Input and output of all calls together; none begins once they are spent."""
    usd: float | None = None
    """The same in dollars, where the models' prices are known."""
    attempts: int = 3
    """How often a step is asked before the answers count as unusable."""
    output_tokens: int = 2_000
    """The limit of one answer, where no script sets its length."""

    def __post_init__(self) -> None:
        for name in ("iterations", "attempts", "output_tokens"):
            require(name, getattr(self, name), at_least=1, whole=True)


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


def cost_of(records: Sequence[CallRecord], prices: Mapping[str, Prices] | None) -> float | None:
    """US dollars for all calls. None if a model among them has no price here."""
    if prices is None or any(record.model not in prices for record in records):
        return None
    return sum(record.tokens.cost_usd(prices[record.model]) for record in records)
