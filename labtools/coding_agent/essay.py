"""The essay's case study as data: eight calls and a test run that fix one failing test.

The names, tokens and times are the essay's table for its fast backend. It numbers the same steps
in two ways, so name a step, never number it. Two columns are this course's: the type that a
router sees, and the length of the prompt, which the essay leaves open (`fast` has a TTFT of
150 ms at 1,000 input tokens and of 200 ms at 2,000).
"""

from __future__ import annotations

from dataclasses import dataclass

from labtools.errors import require_one_of

ROUTES = {
    "plan": "llama4-maverick",
    "tool_call": "llama4-scout",
    "code_generation": "qwen3-coder",
    "verify": "llama4-scout",
}
"""The essay's router: from the type of a step to a model."""
DEFAULT_ROUTE = "llama4-scout"
"""The essay's model for every other type."""


@dataclass(frozen=True, slots=True)
class EssayStep:
    """One row of the table. A step without tokens is the agent's own work, not a call."""

    name: str
    type: str
    """"tool_call", "plan", "code_generation" or "verify"; "tool" for what is not a call."""
    total_s: float
    output_tokens: int = 0
    ttft_s: float = 0.0
    decode_s: float = 0.0
    input_tokens: int = 0

    @property
    def is_call(self) -> bool:
        return self.output_tokens > 0


STEPS = (
    EssayStep("Parse error", "tool_call", 0.450, 60, 0.150, 0.300, 1000),
    EssayStep("Locate file", "tool_call", 0.350, 40, 0.150, 0.200, 1000),
    EssayStep("Read source", "tool_call", 0.300, 30, 0.150, 0.150, 1000),
    EssayStep("Read test", "tool_call", 0.300, 30, 0.150, 0.150, 1000),
    EssayStep("Understand + plan", "plan", 1.200, 200, 0.200, 1.000, 2000),
    EssayStep("Generate fix", "code_generation", 2.200, 400, 0.200, 2.000, 2000),
    EssayStep("Apply patch", "tool_call", 0.450, 60, 0.150, 0.300, 1000),
    EssayStep("Run tests", "tool", 3.000),
    EssayStep("Verify", "verify", 0.650, 100, 0.150, 0.500, 1000),
)
"""The steps in the order of the table."""
CASE_STUDY_SHARE = sum(s.total_s for s in STEPS if s.is_call) / sum(s.total_s for s in STEPS)
"""Inference's share of the wall clock."""


def pass_from(name: str) -> tuple[EssayStep, ...]:
    """The steps from `name` to the end: what a second attempt repeats."""
    names = [step.name for step in STEPS]
    require_one_of("step", name, names)
    return STEPS[names.index(name) :]
