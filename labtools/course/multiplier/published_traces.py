"""What others published about the runs of real coding agents, as the chapters quote it.

Nothing here is measured by this course. `source` is the key of the work in the bibliography.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallsPerTask:
    """Percentiles of the number of LLM calls that one task takes."""

    source: str
    p50: int
    p90: int
    p99: int


CODEX_CALLS = CallsPerTask("codextraces", 30, 57, 90)
"""Codex on SWE-bench Pro, 610 successful runs; the mean is 33."""
DEVELOPERS_CALLS = CallsPerTask("tracelab2026", 1, 20, 86)
"""A request of one of 43 developers to their agent."""

CODEX_MEAN_CALLS = 33
CODEX_FIRST_TOKENS, CODEX_LAST_TOKENS = 12_000, 84_000
"""The context of Codex's first and last call."""
DEVELOPERS_INPUT_TOKENS = 119_000 + 875
"""A developer's median call: cached and uncached input tokens."""

INFERENCE_SHARES = {
    "tracelab2026": 0.410,
    "bian2025agentic": 1 - 0.537,
    "raj2025cpu": 1 - 0.906,
}
"""Inference's share of the wall clock. The last two are what the heaviest tools leave of it."""
