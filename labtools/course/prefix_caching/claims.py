"""Claims about reuse of the prompt, and about how long prompts are."""

from __future__ import annotations

from labtools.coding_agent.essay import STEPS, pass_from
from labtools.course.coding_agent.audit import WARM_FROM, Changes, pass_s
from labtools.course.ledger import Finding
from labtools.course.multiplier.claims import (
    CODEX_FIRST_TOKENS,
    CODEX_LAST_TOKENS,
    CODEX_MEAN_CALLS,
    DEVELOPERS_INPUT_TOKENS,
)
from labtools.model.named_profiles import FAST


def later_steps() -> Finding:
    """The most that a cache can save in the case study: the TTFT of the later steps, or all."""
    later_s = pass_s() - pass_s(Changes(ttft_cut=1.0))
    all_s = sum(step.ttft_s for step in STEPS)
    later = [step.ttft_s for step in pass_from(WARM_FROM)]
    assert abs(sum(later) - later_s) < 1e-9
    return Finding({"later_s": later_s, "all_s": all_s, "share": all_s / pass_s()}, later_s > 0)


def full_prefill() -> Finding:
    """Prefill of a run as long as Codex's, with each prompt read whole and with it read once."""
    added = (CODEX_LAST_TOKENS - CODEX_FIRST_TOKENS) / (CODEX_MEAN_CALLS - 1)
    prompts = [CODEX_FIRST_TOKENS + number * added for number in range(CODEX_MEAN_CALLS)]
    every_s = sum(prompts) / FAST.prefill_tokens_per_s
    once_s = prompts[-1] / FAST.prefill_tokens_per_s
    return Finding({"every_s": every_s, "once_s": once_s}, every_s > once_s)


def context_lengths(*, shortest: int, longest: int) -> Finding:
    """The lengths to probe, beside the published lengths of real prompts."""
    values = {
        "codex_first": CODEX_FIRST_TOKENS,
        "codex_last": CODEX_LAST_TOKENS,
        "developers": DEVELOPERS_INPUT_TOKENS,
    }
    return Finding(values, any(shortest <= tokens <= longest for tokens in values.values()))
