"""The essay's case study in sums: its models, its table with changes, and with calls struck out.

Nothing is run here: the agent's runs are the other half of the audit. The two differ where changes
meet in the prefix cache, which is one share of TTFT here and blocks of tokens there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

from labtools.coding_agent import steps
from labtools.coding_agent.essay import STEPS, EssayStep, pass_from
from labtools.coding_agent.harness import IN_CODE
from labtools.errors import ConfigurationError, one_of
from labtools.model.named_profiles import FAST
from labtools.model.profile import LatencyProfile, Prices

BIG_PRICES = Prices(1.00, 0.25, 4.00)
SMALL_PRICES = Prices(0.20, 0.05, 0.80)


def sped_up(profile: LatencyProfile, factor: float) -> LatencyProfile:
    """The profile with every part of a call `factor` times as fast; below 1 it is slower."""
    if not factor > 0:
        raise ConfigurationError(f"factor must be above 0; found {factor!r}.")
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

ESSAY_MODELS: Mapping[str, LatencyProfile] = MappingProxyType(
    {profile.name: profile for profile in (MAVERICK, SCOUT, CODER)}
)
"""From model name to profile, for `connect(profile=...)`."""


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


PLAN, FIX = steps.PLAN.row.name, steps.GENERATE_FIX.row.name
HARNESS = tuple(step.row.name for step in steps.STEPS if step.name in IN_CODE)
"""What ten lines of code do, or no code at all once the file is known."""
CALL_NAMES = tuple(step.name for step in STEPS if step.is_call)
MERGED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "both reads": (steps.READ_SOURCE.row.name, steps.READ_TEST.row.name),
        "plan and fix": (PLAN, FIX),
    }
)
"""Neighbours that one answer can hold."""
EDIT_TOKENS = steps.APPLY_PATCH.row.output_tokens
"""A fix that comes as an edit is as long as the essay's patch."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """What is done to the calls. Names are the essay's."""

    left_out: frozenset[str] = frozenset()
    """Calls that code does, or nobody."""
    merged: frozenset[str] = frozenset()
    """Of `MERGED`; without effect where one of the two is left out."""
    plan_tokens: int = steps.PLAN.row.output_tokens
    fix_tokens: int = steps.GENERATE_FIX.row.output_tokens

    def __post_init__(self) -> None:
        for name in self.left_out:
            if name not in CALL_NAMES:
                raise one_of("call", name, CALL_NAMES)
        for name in self.merged:
            if name not in MERGED:
                raise one_of("merge", name, MERGED)
        if min(self.plan_tokens, self.fix_tokens) < 1:
            raise ConfigurationError("A plan and a fix have at least 1 token.")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt takes."""

    total_s: float
    first_words_s: float | None
    """Until the plan's first words, which are the first that a person can use; None without it."""
    calls: int
    usd: float


def attempt(cuts: Cuts = Cuts()) -> Attempt:
    """One attempt with these cuts."""
    now_s, first_words_s, calls, usd = 0.0, None, 0, 0.0
    joined = {MERGED[name] for name in cuts.merged}
    written = {PLAN: cuts.plan_tokens, FIX: cuts.fix_tokens}
    before = ""
    for step in STEPS:
        if step.name in cuts.left_out:
            continue
        if not step.is_call:
            now_s += step.total_s
            continue
        tokens = written.get(step.name, step.output_tokens)
        usd += BIG_PRICES.cost_usd(0, 0, tokens)
        if (before, step.name) not in joined:
            calls += 1
            usd += BIG_PRICES.cost_usd(step.input_tokens, 0, 0)
            now_s += step.ttft_s
        if step.name == PLAN:
            first_words_s = round(now_s, 9)
        now_s += tokens / FAST.decode_tokens_per_s
        before = step.name
    return Attempt(round(now_s, 9), first_words_s, calls, usd)
