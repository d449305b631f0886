"""The essay's case study in sums: the models of its router, and its table with changes made to it.

The models' names are the essay's. Their speeds and prices are this course's assumptions, chosen to
test its sentence "a model that runs at 3x the speed and a fraction of the cost"; none of them was
measured on a model of that name.

Nothing is run here: the agent's runs are the other half of the audit. The two differ where changes
meet in the prefix cache, which is one share of TTFT here and blocks of tokens there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from labtools.coding_agent.essay import STEPS, EssayStep, pass_from
from labtools.coding_agent.steps import STEPS as AGENTS_STEPS
from labtools.coding_agent.tools import IN_CODE
from labtools.errors import require, require_one_of
from labtools.model.named_profiles import FAST
from labtools.model.profile import LatencyProfile, Prices

BIG_PRICES = Prices(1.00, 0.25, 4.00)
SMALL_PRICES = Prices(0.20, 0.05, 0.80)


def sped_up(profile: LatencyProfile, factor: float) -> LatencyProfile:
    """The profile with every part of a call `factor` times as fast; below 1 it is slower."""
    require("factor", factor, above=0, finite=False)
    return profile.but(
        rtt_s=profile.rtt_s / factor,
        overhead_s=profile.overhead_s / factor,
        schema_compile_s=profile.schema_compile_s / factor,
        prefill_tokens_per_s=profile.prefill_tokens_per_s * factor,
        decode_tokens_per_s=profile.decode_tokens_per_s * factor,
    )


MAVERICK = FAST.but(
    name="llama4-maverick",
    source="Assumed: the profile `fast`, at 1 and 4 dollars a million input and output tokens.",
    prices=BIG_PRICES,
)
CODER = MAVERICK.but(name="qwen3-coder", source="Assumed: as fast and as dear as llama4-maverick.")
SCOUT = sped_up(MAVERICK, 3).but(
    name="llama4-scout",
    source="Assumed: llama4-maverick three times as fast, at a fifth of the price.",
    prices=SMALL_PRICES,
)

ESSAY_MODELS: Mapping[str, LatencyProfile] = {
    profile.name: profile for profile in (MAVERICK, SCOUT, CODER)
}
"""From model name to profile, for `connect(profile=...)`."""

READS = ("Read source", "Read test")
PATCH_AND_TESTS = ("Apply patch", "Run tests")
PLAN, FIX = "Understand + plan", "Generate fix"
WARM_FROM = PLAN
"""From here on a prefix cache helps, says the essay."""
CALLS = tuple(step for step in STEPS if step.is_call)
_TOKENS = {step.name: step.output_tokens for step in CALLS}
CALL_NAMES = tuple(_TOKENS)
ROUTABLE = tuple(step.name for step in CALLS if step.type in ("tool_call", "verify"))
"""The steps that the essay's router sends to its smaller model."""
ROUTED_FACTOR = 3.0
"""How much faster that model is, says the essay."""
HARNESS = tuple(step.row.name for step in AGENTS_STEPS if step.name in IN_CODE)
"""What ten lines of code do, or no code at all once the file is known."""
MERGED: Mapping[str, tuple[str, str]] = {"both reads": READS, "plan and fix": (PLAN, FIX)}
"""Neighbours that one answer can hold."""
EDIT_TOKENS = _TOKENS["Apply patch"]
"""A fix that comes as an edit is as long as the essay's patch."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is done to make a pass faster. Names are the essay's."""

    parallel_reads: bool = False
    speculative_tests: bool = False
    """The tests run while the patch is being applied."""
    ttft_cut: float = 0.0
    """The share of TTFT that prefix caching takes off the later steps, 0 to 1."""
    routed: frozenset[str] = frozenset()
    """Calls that go to a model three times as fast."""
    left_out: frozenset[str] = frozenset()
    """Calls that code does, or nobody."""
    merged: frozenset[str] = frozenset()
    """Of `MERGED`; without effect where one of the two is left out."""
    plan_tokens: int = _TOKENS[PLAN]
    fix_tokens: int = _TOKENS[FIX]

    def __post_init__(self) -> None:
        require("ttft_cut", self.ttft_cut, at_least=0, at_most=1)
        require("plan_tokens", self.plan_tokens, at_least=1)
        require("fix_tokens", self.fix_tokens, at_least=1)
        for names, known in ((self.routed | self.left_out, CALL_NAMES), (self.merged, MERGED)):
            for name in names:
                require_one_of("call" if known is CALL_NAMES else "merge", name, known)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one pass through the steps takes."""

    total_s: float
    first_words_s: float | None
    """Until the plan's first words, which are the first that a person can use; None without it."""
    calls: int
    usd: float


def attempt(
    changes: Changes = Changes(),
    steps: Sequence[EssayStep] = STEPS,
    *,
    slower: float = 1.0,
    routed_factor: float = ROUTED_FACTOR,
) -> Attempt:
    """One pass through `steps`, with every call `slower` times as long."""
    warm = {step.name for step in pass_from(WARM_FROM)}
    tokens_of = {PLAN: changes.plan_tokens, FIX: changes.fix_tokens}
    joined = {MERGED[name] for name in changes.merged}
    beside = {READS} if changes.parallel_reads else set()
    beside |= {PATCH_AND_TESTS} if changes.speculative_tests else set()
    now_s, first_words_s, calls, usd = 0.0, None, 0, 0.0
    before, before_s = "", 0.0
    for step in steps:
        if step.name in changes.left_out:
            continue
        pair, ttft_s, took_s = (before, step.name), 0.0, step.total_s
        if step.is_call:
            tokens = tokens_of.get(step.name, step.output_tokens)
            factor = slower / (routed_factor if step.name in changes.routed else 1.0)
            prices = (SCOUT if step.name in changes.routed else MAVERICK).prices
            usd += prices.cost_usd(0, 0, tokens)
            if pair not in joined:
                calls += 1
                usd += prices.cost_usd(step.input_tokens, 0, 0)
                cut = changes.ttft_cut if step.name in warm else 0.0
                ttft_s = factor * step.ttft_s * (1 - cut)
            took_s = ttft_s + factor * tokens / FAST.decode_tokens_per_s
        if pair in beside - joined:
            now_s -= min(before_s, took_s)
        if step.name == PLAN:
            first_words_s = round(now_s + ttft_s, 9)
        now_s += took_s
        before, before_s = step.name, took_s
    return Attempt(round(now_s, 9), first_words_s, calls, usd)


def pass_s(
    changes: Changes = Changes(),
    steps: Sequence[EssayStep] = STEPS,
    *,
    slower: float = 1.0,
    routed_factor: float = ROUTED_FACTOR,
) -> float:
    """The seconds of such a pass."""
    return attempt(changes, steps, slower=slower, routed_factor=routed_factor).total_s


def smallest_additions(
    target_s: float, given: Changes, routable: Collection[str] = ROUTABLE
) -> list[Changes]:
    """The ways to bring a pass to `target_s` or less with the fewest changes beyond `given`.

    A change is one step more that is routed, or one of the other two. Empty where none suffices.
    """
    switches = ("parallel_reads", "speculative_tests")
    options = [name for name in routable if name not in given.routed]
    options += [name for name in switches if not getattr(given, name)]
    for size in range(len(options) + 1):
        ways = [
            replace(
                given,
                parallel_reads=given.parallel_reads or "parallel_reads" in added,
                speculative_tests=given.speculative_tests or "speculative_tests" in added,
                routed=given.routed.union(added).difference(switches),
            )
            for added in combinations(options, size)
        ]
        if found := [changes for changes in ways if pass_s(changes) <= target_s]:
            return sorted(found, key=pass_s)
    return []


def slower_for(target_s: float, inference_s: float, tests_s: float) -> float:
    """How many times as long every call must take for a run to last `target_s`."""
    require("inference_s", inference_s, above=0)
    return (target_s - tests_s) / inference_s
