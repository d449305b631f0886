"""The essay's totals for its case study, worked out again from its own table.

A pass is a sum of rows, less what a set of changes takes off. Nothing is run here: the agent's
runs are the other half of the audit. The two differ where changes meet in the prefix cache, which
is one share of TTFT here and blocks of tokens there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

from labtools.coding_agent.essay import STEPS, EssayStep, pass_from
from labtools.errors import ConfigurationError, one_of

READS = ("Read source", "Read test")
PATCH_AND_TESTS = ("Apply patch", "Run tests")
WARM_FROM = "Understand + plan"
"""From here on a prefix cache helps, says the essay."""
ROUTABLE = tuple(step.name for step in STEPS if step.type in ("tool_call", "verify"))
"""The steps that the essay's router sends to its smaller model."""
ROUTED_FACTOR = 3.0
"""How much faster that model is, says the essay."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is done to make a pass faster."""

    parallel_reads: bool = False
    speculative_tests: bool = False
    """The tests run while the patch is being applied."""
    ttft_cut: float = 0.0
    """The share of TTFT that prefix caching takes off the later steps, 0 to 1."""
    routed: frozenset[str] = frozenset()
    """Rows that go to a model three times as fast."""

    def __post_init__(self) -> None:
        if not 0 <= self.ttft_cut <= 1:
            raise ConfigurationError(f"ttft_cut is {self.ttft_cut!r}. Allowed: a share, 0 to 1.")
        for name in self.routed:
            if name not in (calls := [step.name for step in STEPS if step.is_call]):
                raise one_of("row", name, calls)


def pass_s(
    changes: Changes = Changes(),
    steps: Sequence[EssayStep] = STEPS,
    *,
    slower: float = 1.0,
    routed_factor: float = ROUTED_FACTOR,
) -> float:
    """Seconds for one pass through `steps`, with every call `slower` times as long."""
    later = {step.name for step in pass_from(WARM_FROM)}
    seconds = {}
    for step in steps:
        if not step.is_call:
            seconds[step.name] = step.total_s
            continue
        cut = changes.ttft_cut if step.name in later else 0.0
        factor = routed_factor if step.name in changes.routed else 1.0
        seconds[step.name] = slower * (step.ttft_s * (1 - cut) + step.decode_s) / factor
    overlapping = [READS] if changes.parallel_reads else []
    if changes.speculative_tests:
        overlapping.append(PATCH_AND_TESTS)
    hidden = [
        min(seconds[name] for name in pair)
        for pair in overlapping
        if all(name in seconds for name in pair)
    ]
    return round(sum(seconds.values()) - sum(hidden), 9)


def smallest_additions(
    target_s: float, given: Changes, routable: Collection[str] = ROUTABLE
) -> list[Changes]:
    """The ways to bring a pass to `target_s` or less with the fewest changes beyond `given`.

    A change is one step more that is routed, or one of the other two. Empty where none suffices.
    """
    options = [f"route {name}" for name in routable if name not in given.routed]
    options += [] if given.parallel_reads else ["parallel reads"]
    options += [] if given.speculative_tests else ["speculative tests"]
    for size in range(len(options) + 1):
        found = [
            changes
            for added in combinations(options, size)
            if pass_s(changes := _with(given, added)) <= target_s
        ]
        if found:
            return sorted(found, key=pass_s)
    return []


def slower_for(target_s: float, inference_s: float, tests_s: float) -> float:
    """How many times as long every call must take for a run to last `target_s`."""
    if not inference_s > 0:
        raise ConfigurationError(f"inference_s must be above 0; found {inference_s!r}.")
    return (target_s - tests_s) / inference_s


def _with(given: Changes, added: Collection[str]) -> Changes:
    routed = {option.removeprefix("route ") for option in added if option.startswith("route ")}
    return Changes(
        given.parallel_reads or "parallel reads" in added,
        given.speculative_tests or "speculative tests" in added,
        given.ttft_cut,
        given.routed | routed,
    )
