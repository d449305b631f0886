"""An answer as items of the Responses API, and the names of the events that build each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from labtools.wire.answer import Answer, Piece, Usage


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of text goes into an item's part, and which events say so."""

    part: Mapping[str, Any]
    event: str
    """Its `.delta` carries a token, its `.done` the whole text."""
    part_event: str
    index: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def filled(self, text: str) -> dict[str, Any]:
        """The part with this text in it."""
        return {**self.part, "text": text}


CONTENT = Form(
    part={"type": "output_text", "annotations": [], "logprobs": []},
    event="response.output_text",
    part_event="response.content_part",
    index="content_index",
    extra={"logprobs": []},
)
REASONING = Form(
    part={"type": "reasoning_text"},
    event="response.reasoning_text",
    part_event="response.content_part",
    index="content_index",
)
SUMMARY = Form(
    part={"type": "summary_text"},
    event="response.reasoning_summary_text",
    part_event="response.reasoning_summary_part",
    index="summary_index",
)


@dataclass(frozen=True, slots=True)
class Output:
    """Items of one response. Their ids follow from the response's, so that both agree on them.

    `summarize` puts reasoning into summaries, as OpenAI's own models do when they are asked to;
    else it is reasoning text, as open-weight servers send it.
    """

    response_id: str
    summarize: bool = False

    def form(self, piece: Piece) -> Form:
        """How the piece's text is sent; for reasoning and content."""
        if piece.kind == "reasoning":
            return SUMMARY if self.summarize else REASONING
        return CONTENT

    def item(
        self, index: int, piece: Piece, text: str = "", status: str | None = None
    ) -> dict[str, Any]:
        """The item that `piece` begins, with all its text; without a `status`, an empty one."""
        if piece.kind == "call":
            return {
                "id": f"fc_{self.response_id}{index:04x}",
                "type": "function_call",
                "status": status or "in_progress",
                "arguments": text,
                "call_id": piece.call_id,
                "name": piece.call_name,
            }
        parts = [self.form(piece).filled(text)] if status else []
        if piece.kind == "content":
            return {
                "id": f"msg_{self.response_id}{index:04x}",
                "type": "message",
                "status": status or "in_progress",
                "content": parts,
                "role": "assistant",
            }
        # Without a summary the text is `content`; with one there is no such field.
        reasoning = {"id": f"rs_{self.response_id}{index:04x}", "type": "reasoning"}
        return reasoning | (
            {"summary": parts} if self.summarize else {"summary": [], "content": parts}
        )

    def items(self, answer: Answer) -> list[dict[str, Any]]:
        """The whole answer. One that stops without a word still has an empty message."""
        runs = [list(run) for _, run in groupby(answer.pieces, run_of)]
        if needs_empty_message(answer):
            runs.append([Piece("content")])
        done = [
            self.item(index, run[0], "".join(piece.text for piece in run), "completed")
            for index, run in enumerate(runs)
        ]
        if done and not answer.stops_by_itself and "status" in done[-1]:
            done[-1]["status"] = "incomplete"
        return done


def run_of(piece: Piece) -> tuple[str, int]:
    """What tells one item's tokens from the next one's."""
    return ("call" if piece.kind == "arguments" else piece.kind, piece.call)


def needs_empty_message(answer: Answer) -> bool:
    """Whether the answer ended by itself and said nothing."""
    return answer.stops_by_itself and all(piece.kind == "reasoning" for piece in answer.pieces)


def usage_object(usage: Usage) -> dict[str, Any]:
    """`usage` as the Responses API names it."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
