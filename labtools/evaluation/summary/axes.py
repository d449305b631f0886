"""The axes of an evaluation, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labtools.evaluation.summary.parts import Difference, Part, Stat

Saving = Literal["saves", "saves nothing", "unclear", "unknown"]


@dataclass(frozen=True, slots=True)
class ContextRow(Part):
    """Lone calls with a prompt of one length that no cache knows."""

    asked_tokens: int
    """The length that was planned."""
    input_tokens: float
    """Median of what the endpoint counted; the plan's where it does not tell."""
    ttft_s: Stat
    tpot_s: Stat


@dataclass(frozen=True, slots=True)
class Contexts(Part):
    """TTFT by context, cold."""

    rows: tuple[ContextRow, ...]
    prefill_tokens_per_s: float | None
    """1 / the median of the slopes between the rows' median TTFTs (Theil and Sen)."""
    fixed_s: float | None
    """What that line leaves for a prompt of no tokens."""
    reason: str | None
    """Why there are no rows or no slope."""


@dataclass(frozen=True, slots=True)
class Load(Part):
    """Calls under way together."""

    clients: int | None
    """Closed loop: each client sends its next call when its last has ended."""
    request_rate_per_s: float | None
    """Open loop: calls arrive at random at this rate, whether or not others have ended."""
    calls: int
    failed: int
    ttft_s: Stat
    tpot_s: Stat
    e2e_latency_s: Stat
    output_tokens: float | None
    """Median of an answer's length."""
    wall_s: float | None
    """First call sent to last call ended."""
    output_tokens_per_s: float | None
    """Of all streams together."""
    goodput_per_s: float | None
    """Calls per second that ended well within the settings' `slo_s`. A failed call is a miss."""
    goodput_share: float | None
    """The share of all calls that did."""


@dataclass(frozen=True, slots=True)
class InterferedStream(Part):
    """One running stream, with long prompts sent beside it."""

    usual_gap_s: float | None
    """Median gap between its chunks while no prompt was under way."""
    longest_gap_s: float | None
    """The longest one while a prompt was."""


@dataclass(frozen=True, slots=True)
class Interference(Part):
    """What others' long prompts do to a stream."""

    prompt_tokens: int
    streams: tuple[InterferedStream, ...]
    usual_gap_s: float | None
    """Median over the streams."""
    longest_gap_s: float | None
    """Median over the streams of each one's longest."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class Reuse(Part):
    """One way of coming back to a prompt, against its first time."""

    label: str
    """"repeat", "append", "changed_first" or "after_pause"."""
    ttft_s: Stat
    saved_s: Difference
    """TTFT expected of a prompt this long that nobody knows, less the measured one."""
    saved_share: Difference | None
    """The same as a share of the prefill time of the whole prompt, which TTFT's slope tells."""
    cached_share: float | None
    """Median of `cached_tokens` / input tokens, as the endpoint reports it."""
    verdict: Saving
    """"saves": more than a tenth of the prefill time; "unknown": no pairs or no slope."""
    disagreement: str | None
    """Where the reported share and the saved share cannot both be right."""


@dataclass(frozen=True, slots=True)
class Rung(Part):
    """One call whose prompt shares its beginning with a known one."""

    shared_tokens: int
    cached_tokens: int | None
    ttft_s: float | None


@dataclass(frozen=True, slots=True)
class Prefix(Part):
    """What the endpoint keeps of a prompt."""

    prompt_tokens: int
    pause_s: float
    cold_ttft_s: Stat
    reuses: tuple[Reuse, ...]
    ladder: tuple[Rung, ...]
    """Prompts that share ever more of their beginning: the smallest reuse, and its steps."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class Form(Part):
    """One form of answer to the same questions: "freeform", "tool_call" or "json_schema"."""

    form: str
    ttft_s: Stat
    tpot_s: Stat
    e2e_latency_s: Stat
    output_tokens: float | None
    """Median of an answer's length."""
    answered: int
    valid: int | None
    """Answers with the tool's or the schema's required keys and no others; null for freeform."""


@dataclass(frozen=True, slots=True)
class AgainstFreeform(Part):
    """A form less freeform, round by round."""

    form: str
    ttft_s: Difference
    ttft_beyond_length_s: Difference | None
    """The same without what the longer prompt accounts for, which TTFT's slope tells."""
    tpot_s: Difference
    e2e_latency_s: Difference
    """Answers differ in length, so this is no cost of the schema alone."""


@dataclass(frozen=True, slots=True)
class Structured(Part):
    """What a schema costs."""

    forms: tuple[Form, ...]
    against_freeform: tuple[AgainstFreeform, ...]
    cold_schema_ttft_s: Stat
    """First calls with schemas that nobody has sent before."""
    warm_schema_ttft_s: Stat
    """Second calls with the same schemas."""
    compiling_s: Difference
    """TTFT of the first less the second."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class ChainStep(Part):
    """One step, over all runs of the chain. Medians in seconds."""

    step: int
    samples: int
    failed: int
    input_tokens: float | None
    cached_tokens: float | None
    ttft_s: float | None
    decode_s: float | None
    e2e_latency_s: float | None


@dataclass(frozen=True, slots=True)
class ChainRun(Part):
    """One run of the chain. Its sums are null unless every step was answered."""

    run: int
    steps: int
    answered: int
    total_s: float | None
    ttft_s: float | None


@dataclass(frozen=True, slots=True)
class Chain(Part):
    """Calls one after the other, as an agent makes them; inference only, no tool's work."""

    steps: tuple[ChainStep, ...]
    runs: tuple[ChainRun, ...]
    total_s: float | None
    """Median of the complete runs."""
    ttft_share: float | None
    """TTFT's share of all complete runs together."""
    reason: str | None
