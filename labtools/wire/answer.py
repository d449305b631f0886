"""What the endpoint answers, token by token, whichever API it goes out through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from labtools.records import ToolCall


@dataclass(frozen=True, slots=True)
class Piece:
    """What one decode step adds to an answer: a token, or several that a prediction held.

    "call" opens a tool call (its id and name; no text), "arguments" continues it; `call` counts
    the answer's tool calls from 0.
    """

    kind: Literal["reasoning", "content", "call", "arguments"]
    text: str = ""
    call: int = 0
    call_id: str = ""
    call_name: str = ""
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice: its tokens, and why it ends."""

    pieces: tuple[Piece, ...]
    finish_reason: Literal["stop", "tool_calls", "length"]
    accepted_tokens: int = 0
    """Those of it that the request's prediction held."""
    rejected_tokens: int = 0
    """Those of the prediction that are not in it; they are paid for like the answer's own."""

    @property
    def stops_by_itself(self) -> bool:
        """Whether there is an end-of-sequence step after the last token."""
        return self.finish_reason != "length"

    @property
    def steps(self) -> int:
        """Decode steps from its first token to its end, both included."""
        return len(self.pieces) + self.stops_by_itself

    def text(self, kind: Literal["reasoning", "content"]) -> str:
        return "".join(piece.text for piece in self.pieces if piece.kind == kind)

    def tool_calls(self) -> tuple[ToolCall, ...]:
        openings = [piece for piece in self.pieces if piece.kind == "call"]
        arguments: dict[int, list[str]] = {opening.call: [] for opening in openings}
        for piece in self.pieces:
            if piece.kind == "arguments":
                arguments[piece.call].append(piece.text)
        return tuple(
            ToolCall(opening.call_id, opening.call_name, "".join(arguments[opening.call]))
            for opening in openings
        )

    def cut(self, tokens: int | None) -> Answer:
        """This answer under `max_tokens`: unchanged, or its beginning with "length"."""
        if tokens is None or len(self.pieces) <= tokens:
            return self
        return Answer(self.pieces[:tokens], "length")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, over all its choices."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    """Rejected tokens of a prediction included."""
    reasoning_tokens: int
    accepted_tokens: int = 0
    rejected_tokens: int = 0


def usage_of(answers: Sequence[Answer], input_tokens: int, cached_tokens: int) -> Usage:
    """The tokens of a request whose prompt was read once for all `answers`."""
    pieces = [piece for answer in answers for piece in answer.pieces]
    reasoning_tokens = sum(piece.tokens for piece in pieces if piece.kind == "reasoning")
    accepted_tokens = sum(answer.accepted_tokens for answer in answers)
    rejected_tokens = sum(answer.rejected_tokens for answer in answers)
    output_tokens = sum(piece.tokens for piece in pieces) + rejected_tokens
    return Usage(
        input_tokens,
        cached_tokens,
        output_tokens,
        reasoning_tokens,
        accepted_tokens,
        rejected_tokens,
    )


class Writer(Protocol):
    """One API's way to put answers into bytes: as a stream, or whole."""

    def opening(self) -> bytes:
        """What goes out with the first token, before it."""

    def piece(self, choice: int, piece: Piece) -> bytes:
        """One token of one choice."""

    def end_of_choice(self, choice: int, answer: Answer) -> bytes:
        """The end of one choice."""

    def closing(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        """What follows the last choice's end."""

    def whole(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        """The body of an answer that is not streamed."""
