"""The nouns that everything else shares: what was called, how long it took, what it held.

All are frozen and hold plain values, so that they can be compared, written and read back.
Instants (`..._at`) are seconds on the lab's clock, durations end in `_s`, and "there is no such
value" is None, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, InstanceOf

from labtools.clock import elapsed_s
from labtools.model.profile import Prices

# What a file may say; nothing that is measured comes near these bounds.
Instant = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Text = Annotated[str, InstanceOf()]  # as it came; half a surrogate pair would fail pydantic's own


# Nothing decodes 20,000 tokens a second; a few tokens do come together now and then.
_FASTEST_TPOT_S = 50e-6
_MANY_TOKENS = 8


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One function call that a model asked for; `arguments` is the JSON text as it came."""

    id: str
    name: str
    arguments: Text


@dataclass(frozen=True, slots=True)
class CallError:
    """Why a call has no complete answer.

    `kind` is one of: "status" (an HTTP error), "connection" (nobody answered), "timeout",
    "cut_off" (the stream ended in the middle), "protocol" (it was not what OpenAI's API sends).
    """

    kind: str
    message: str
    status: int | None = None
    retry_after_s: Seconds | None = None

    def __str__(self) -> str:
        status = f" {self.status}" if self.status is not None else ""
        return f"{self.kind}{status}: {self.message}"


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one call or of many; those that nobody told count as 0.

    Cached tokens are part of the input tokens.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    @property
    def total(self) -> int:
        return self.input_tokens + self.output_tokens

    def cost_usd(self, prices: Prices) -> float:
        return prices.cost_usd(self.input_tokens, self.cached_tokens, self.output_tokens)

    def __add__(self, other: TokenCount) -> TokenCount:
        return TokenCount(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
        )

    def __sub__(self, other: TokenCount) -> TokenCount:
        return self + TokenCount(-other.input_tokens, -other.cached_tokens, -other.output_tokens)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One streamed call, measured.

    A token's instant is when its bytes arrived. A chunk without content, tool call or reasoning
    (role only, empty, usage) is not a token.
    """

    model: str
    sent_at: Instant
    ended_at: Instant
    """End of the stream, or when the call failed."""
    chunks_at: tuple[Instant, ...] = ()
    """When each chunk that carries output arrived."""
    first_output_at: Instant | None = None
    """When the first chunk arrived that is not reasoning."""
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    """From the endpoint's `usage`; None where it sends none. Includes reasoning tokens."""
    cached_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    finish_reason: str | None = None
    content: Text = ""
    reasoning: Text = ""
    tool_calls: tuple[ToolCall, ...] = ()
    error: CallError | None = None
    chunk_chars: tuple[Count, ...] = ()
    """Characters of content, reasoning, tool names and arguments in each chunk of `chunks_at`."""
    connect_s: Seconds = 0.0
    """What making the connection took, before `sent_at`; 0 on an open one."""

    @property
    def ttft_s(self) -> float | None:
        """Request sent to the first chunk that carries output. None if none came."""
        return elapsed_s(self.sent_at, self.chunks_at[0]) if self.chunks_at else None

    @property
    def ttfo_s(self) -> float | None:
        """Request sent to the first output that is not reasoning."""
        return (
            None if self.first_output_at is None else elapsed_s(self.sent_at, self.first_output_at)
        )

    @property
    def e2e_latency_s(self) -> float | None:
        """Request sent to the end of the stream. None if it did not end well."""
        return None if self.error else elapsed_s(self.sent_at, self.ended_at)

    @property
    def decode_s(self) -> float | None:
        """First output to the end of the stream: end-to-end latency less TTFT."""
        if self.e2e_latency_s is None or not self.chunks_at:
            return None
        return elapsed_s(self.chunks_at[0], self.ended_at)

    @property
    def tokens(self) -> TokenCount:
        """What it took, as far as the endpoint said."""
        counts = (self.input_tokens, self.cached_tokens, self.output_tokens)
        return TokenCount(*(count or 0 for count in counts))

    @property
    def streamed_tokens(self) -> int | None:
        """Output tokens that came over the wire: `usage` without reasoning that stayed hidden."""
        if self.output_tokens is None:
            return None
        hidden = 0 if self.reasoning else self.reasoning_tokens or 0
        return self.output_tokens - hidden

    @property
    def tpot_s(self) -> float | None:
        """(last output - first output) / tokens after the first chunk. None where none came.

        With a token a chunk, that is the usual (last - first) / (n - 1), n from `usage`. Where
        chunks hold several tokens, the first one's share of the text says how many of the n came
        with it: dividing by n - 1 would read 4.85 ms for 5 ms in chunks of four.
        """
        n = self.streamed_tokens
        if self.error or n is None or not self.chunks_at or self.in_one_piece:
            return None
        later = n - self._first_chunk_tokens(n)
        if later <= 0 or len(self.chunks_at) < 2:
            return None
        return elapsed_s(self.chunks_at[0], self.chunks_at[-1]) / later

    @property
    def in_one_piece(self) -> bool:
        """Whether a text of many tokens came at once, as through a proxy that holds streams back.

        Its TPOT, and on the wall clock its TTFT, are then not known. A tool call is one chunk at
        many endpoints, and says nothing of the kind.
        """
        tokens = self.streamed_tokens or len(self.chunks_at)
        if self.error or not self.chunks_at or tokens < _MANY_TOKENS:
            return False
        told_in_chunks = self.tool_calls and len(self.chunks_at) > 1
        if not (self.content or self.reasoning or told_in_chunks):
            return False
        spread_s = elapsed_s(self.chunks_at[0], self.chunks_at[-1])
        return spread_s < _FASTEST_TPOT_S * tokens

    def _first_chunk_tokens(self, n: int) -> float:
        # An end-of-sequence token is counted by some endpoints and sent by none.
        if len(self.chunks_at) >= n - 1 or not sum(self.chunk_chars):
            return 1.0
        return max(1.0, n * self.chunk_chars[0] / sum(self.chunk_chars))

    @property
    def itl_s(self) -> tuple[float, ...]:
        """Gaps between successive chunks that carry output. A chunk may hold several tokens."""
        pairs = zip(self.chunks_at, self.chunks_at[1:], strict=False)
        return tuple(elapsed_s(before, after) for before, after in pairs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON. `read_back` reads them."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["tool_calls"] = [asdict(call) for call in self.tool_calls]
        values["error"] = self.error and asdict(self.error)
        return values


@dataclass(frozen=True, slots=True)
class Wait:
    """What a step waited for, by its id, and how that is known.

    "causal": the data shows it, such as a tool's result in a later prompt; "inferred": from
    instants alone.
    """

    id: int
    basis: Annotated[str, Field(pattern="^(causal|inferred)$")] = "causal"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a prompt, in wire order: a tool, a system block or a message, without its text."""

    kind: str
    """"tool", "system" or "message"."""
    name: str
    """Of a tool its name, of a message its role."""
    digest: str
    chars: Count


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a run: something with a name, a start and an end.

    `kind` is "llm" (one call, with its record), "tool" (the agent's own work), "group" (what
    holds other spans), "retry" (an attempt that came to nothing) or "human" (a person's pause).
    `parent_id` is None at the top. A figure that is None is unknown; of the others those whose
    names are in `derived` were worked out from other figures, and the rest was measured.
    """

    id: int
    name: str
    kind: Annotated[str, Field(pattern="^(llm|tool|group|retry|human)$")]
    started_at: Instant
    ended_at: Instant
    parent_id: int | None = None
    call: CallRecord | None = None
    error: str | None = None
    waits_for: tuple[Wait, ...] = ()
    derived: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    """What its prompt was made of, as far as that is known."""

    @property
    def duration_s(self) -> float:
        return elapsed_s(self.started_at, self.ended_at)


def tokens_of(calls: Iterable[CallRecord]) -> TokenCount:
    """What these calls took together."""
    return sum((call.tokens for call in calls), TokenCount())


def remarks(calls: Sequence[CallRecord]) -> tuple[str, ...]:
    """What else is to be known of the calls that were answered; empty when nothing is."""
    answered = [call for call in calls if call.error is None]
    whole = sum(call.in_one_piece for call in answered)
    unsaid = sum(call.finish_reason is None for call in answered)
    found = []
    if whole:
        found.append(
            f"{whole} of {len(answered)} answers came in one piece, as through a proxy that holds "
            "the stream back: TTFT and TPOT are not known"
        )
    if unsaid:
        found.append(f"{unsaid} of {len(answered)} answers ended without a finish reason")
    return tuple(found)


def failures(calls: Sequence[CallRecord]) -> str:
    """How many of the calls failed, and how the first of them; empty when none did."""
    errors = [call.error for call in calls if call.error is not None]
    return f"{len(errors)} of {len(calls)} calls failed: {errors[0]}" if errors else ""
