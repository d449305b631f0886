"""One attempt at the case study with calls struck out, shortened and merged, from the essay's rows.

Nothing is run: these are sums, which the agent's runs are held against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from labtools.coding_agent import steps
from labtools.coding_agent.essay import STEPS
from labtools.coding_agent.harness import IN_CODE
from labtools.course.routing.essay_models import BIG_PRICES
from labtools.errors import ConfigurationError, one_of
from labtools.model.named_profiles import FAST

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
