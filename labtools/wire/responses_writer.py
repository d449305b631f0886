"""The Responses API on the way out: the items of an answer, in a stream of named events or whole.

Every event has its name twice, as the event's name and in its data, and a number from 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from labtools.wire import sse
from labtools.wire.answer import Answer, Piece, Usage


class ResponsesWriter:
    """Writes the answer to one request; there is one, since this API has no `n`.

    The tokens must come in order: an item is closed when another one's token comes. `now` is the
    calendar's time in seconds, `echo` what the response repeats of its request.
    """

    def __init__(
        self,
        *,
        output: Output,
        model: str,
        now: Callable[[], int],
        echo: Mapping[str, Any],
    ) -> None:
        self._output = output
        self._now = now
        self._head = {
            "id": f"resp_{output.response_id}",
            "object": "response",
            "created_at": now(),
            "model": model,
        }
        self._echo = echo
        self._number = 0
        self._index = -1
        self._first: Piece | None = None
        self._texts: list[str] = []
        self._delta = ("", "")

    def opening(self) -> bytes:
        """`response.created` and `response.in_progress`."""
        response = self._response("in_progress", [])
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def piece(self, choice: int, piece: Piece) -> bytes:
        """One token, and what opens its item if it is the first."""
        opening = b""
        if self._first is None or run_of(piece) != run_of(self._first):
            opening = self._close("completed") + self._open(piece)
        if piece.kind == "call":
            return opening
        self._texts.append(piece.text)
        before, after = self._delta
        delta = f"{before}{json.dumps(piece.text)}{after}{self._next_number()}}}\n\n"
        return opening + delta.encode()

    def end_of_choice(self, choice: int, answer: Answer) -> bytes:
        last = b""
        if needs_empty_message(answer):
            last = self._close("completed") + self._open(Piece("content"))
        return last + self._close("completed" if answer.stops_by_itself else "incomplete")

    def closing(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        """`response.completed` or `response.incomplete`, with the whole response."""
        response = self._complete(answers[0], usage)
        return self._event(f"response.{response['status']}", response=response)

    def whole(self, answers: Sequence[Answer], usage: Usage) -> bytes:
        return json.dumps(self._complete(answers[0], usage)).encode()

    def _complete(self, answer: Answer, usage: Usage) -> dict[str, Any]:
        status = "completed" if answer.stops_by_itself else "incomplete"
        return self._response(status, self._output.items(answer), usage)

    def _response(
        self, status: str, output: list[dict[str, Any]], usage: Usage | None = None
    ) -> dict[str, Any]:
        details = {"reason": "max_output_tokens"} if status == "incomplete" else None
        return {
            **self._head,
            "status": status,
            "completed_at": self._now() if status == "completed" else None,
            "error": None,
            "incomplete_details": details,
            "output": output,
            **self._echo,
            "usage": usage_object(usage) if usage else None,
        }

    def _open(self, piece: Piece) -> bytes:
        """Announce the item that `piece` begins, and its part."""
        self._first = piece
        self._texts = []
        self._index += 1
        item = self._output.item(self._index, piece)
        where: dict[str, Any] = {"item_id": item["id"], "output_index": self._index}
        added = self._event("response.output_item.added", output_index=self._index, item=item)
        if piece.kind == "call":
            self._prepare_delta("response.function_call_arguments.delta", where)
            return added
        form = self._output.form(piece)
        where[form.index] = 0
        self._prepare_delta(f"{form.event}.delta", {**where, **form.extra})
        return added + self._event(f"{form.part_event}.added", **where, part=form.filled(""))

    def _close(self, status: str) -> bytes:
        """Finish the item that is open, if one is."""
        if self._first is None:
            return b""
        first, text = self._first, "".join(self._texts)
        self._first = None
        item = self._output.item(self._index, first, text, status)
        where: dict[str, Any] = {"item_id": item["id"], "output_index": self._index}
        if first.kind == "call":
            done = self._event("response.function_call_arguments.done", **where, arguments=text)
        else:
            form = self._output.form(first)
            where[form.index] = 0
            done = self._event(f"{form.event}.done", **where, text=text, **form.extra)
            done += self._event(f"{form.part_event}.done", **where, part=form.filled(text))
        return done + self._event("response.output_item.done", output_index=self._index, item=item)

    def _prepare_delta(self, name: str, fields: Mapping[str, Any]) -> None:
        """All of a token's event but its text and its number: there is one for every token."""
        head = json.dumps({"type": name, **fields})[:-1]
        self._delta = (f'event: {name}\ndata: {head}, "delta": ', ', "sequence_number": ')

    def _event(self, name: str, **fields: Any) -> bytes:
        data = {"type": name, "sequence_number": self._next_number(), **fields}
        return sse.encode(json.dumps(data).encode(), name)

    def _next_number(self) -> int:
        number = self._number
        self._number += 1
        return number


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
