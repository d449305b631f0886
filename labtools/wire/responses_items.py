"""Items of the Responses API: what a client passes in, checked; what the model reads of it; what
is remembered of earlier responses, so that a request can continue one.

An item is a JSON object: a message, a function call, a function call's output, a reasoning item,
or a reference to one of these. Answers are made of the same items, so that they can be passed back.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from labtools.wire.api_error import invalid, missing
from labtools.wire.generation import Strict, validated

Item = Mapping[str, Any]


class _Message(Strict):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[dict[str, Any]]


class _FunctionCall(Strict):
    call_id: str
    name: str
    arguments: str


class _FunctionCallOutput(Strict):
    call_id: str
    output: str | list[dict[str, Any]]


class _Reasoning(Strict):
    summary: list[dict[str, Any]]
    content: list[dict[str, Any]] | None = None


class _ItemReference(Strict):
    id: str


_KINDS: dict[str, type[BaseModel]] = {
    "message": _Message,
    "function_call": _FunctionCall,
    "function_call_output": _FunctionCallOutput,
    "reasoning": _Reasoning,
    "item_reference": _ItemReference,
}


def checked_items(given: object, memory: Conversations) -> tuple[Item, ...]:
    """The request's `input` as items, references resolved. Raises ApiError (400)."""
    if given is None:
        raise missing("input")
    if isinstance(given, str):
        return ({"type": "message", "role": "user", "content": given},)
    if not isinstance(given, list):
        kind = type(given).__name__
        raise invalid("input", f"'input' must be a string or a list of items; found {kind}.")
    return tuple(_checked_item(item, f"input[{index}]", memory) for index, item in enumerate(given))


def _checked_item(item: object, where: str, memory: Conversations) -> Item:
    if not isinstance(item, dict):
        raise invalid(where, f"'{where}' must be an object; found {type(item).__name__}.")
    kind = item.get("type") or ("message" if "role" in item else "item_reference")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise invalid(
            f"{where}.type",
            f"Invalid value for '{where}.type': {kind!r:.80} is not an item that this endpoint "
            f"takes. Allowed: {', '.join(_KINDS)}.",
        )
    validated(_KINDS[kind], item, where)
    return memory.item(item["id"]) if kind == "item_reference" else {"type": kind, **item}


def check_pairs(items: Iterable[Item]) -> None:
    """Every function call has its output and every output its call, as the API demands."""
    open_calls = dict[str, None]()
    seen = set[str]()
    for item in items:
        if item["type"] == "function_call":
            open_calls[item["call_id"]] = None
            seen.add(item["call_id"])
        elif item["type"] == "function_call_output":
            if item["call_id"] not in seen:
                call_id = item["call_id"]
                said = f"No tool call found for function call output with call_id {call_id}."
                raise invalid("input", said)
            open_calls.pop(item["call_id"], None)
    for call_id in open_calls:
        raise invalid("input", f"No tool output found for function call {call_id}.")


def as_messages(items: Iterable[Item]) -> list[dict[str, Any]]:
    """The items as the model reads them, for `render_prompt`.

    Ids and states are left out: an item reads the same whether the client passed it back with
    them, without them, or named the response that it was part of.
    """
    return [_as_message(item) for item in items]


def _as_message(item: Item) -> dict[str, Any]:
    kind = item["type"]
    if kind == "message":
        return {"role": item["role"], "content": _text(item["content"])}
    if kind == "reasoning":
        thought = _text([*item["summary"], *(item.get("content") or ())])
        return {"role": "assistant", "content": thought, "type": "reasoning"}
    if kind == "function_call":
        call = {key: item[key] for key in ("call_id", "name", "arguments")}
        return {"role": "assistant", "content": "", **call}
    return {"role": "tool", "content": _text(item["output"]), "call_id": item["call_id"]}


def _text(content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Parts of plain text as one text; parts of other kinds as they are."""
    if isinstance(content, str):
        return content
    texts = [part.get("text") for part in content]
    if all(isinstance(text, str) for text in texts):
        return "".join(str(text) for text in texts)
    return content


MOST_RESPONSES = 10_000
MOST_BYTES = 96 * 2**20
# What Python needs for an object or a text beside its characters, about.
_BYTES_EACH = 100


@dataclass(frozen=True, slots=True)
class _Remembered:
    items: tuple[Item, ...]
    output_ids: tuple[str, ...]
    size_bytes: int


class Conversations:
    """Responses by id, each with all items up to its last; the longest unused are forgotten.

    The bounds count every response with its whole conversation, also where they share items.
    """

    def __init__(self, most_responses: int = MOST_RESPONSES, most_bytes: int = MOST_BYTES) -> None:
        self._most_responses = most_responses
        self._kept = (
            f"The mock keeps the last {most_responses} responses and their items in memory, unless "
            "they had 'store': false."
        )
        self._most_bytes = most_bytes
        self._responses: OrderedDict[str, _Remembered] = OrderedDict()
        self._items: dict[str, Item] = {}
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._responses)

    def remember(self, response_id: str, items: Sequence[Item], output: Sequence[Item]) -> None:
        """Keep one response: the items it was asked with, and its output."""
        self._forget(response_id)
        output_ids = tuple(item["id"] for item in output)
        kept = (*items, *output)
        size_bytes = _size_bytes(kept)
        self._responses[response_id] = _Remembered(kept, output_ids, size_bytes)
        self._items.update(zip(output_ids, output, strict=True))
        self._size_bytes += size_bytes
        while len(self) > self._most_responses or self._size_bytes > self._most_bytes:
            self._forget(next(iter(self._responses)))

    def conversation(self, response_id: str) -> Sequence[Item]:
        """All items up to that response's last. Raises ApiError (400) if it is not known."""
        if response_id not in self._responses:
            raise invalid(
                "previous_response_id",
                f"Previous response with id {response_id!r:.80} not found. {self._kept}",
                "previous_response_not_found",
            )
        self._responses.move_to_end(response_id)
        return self._responses[response_id].items

    def item(self, item_id: str) -> Item:
        """One item of an earlier response. Raises ApiError (400) if it is not known."""
        if item_id not in self._items:
            raise invalid("input", f"Item with id {item_id!r:.80} not found. {self._kept}")
        return self._items[item_id]

    def _forget(self, response_id: str) -> None:
        forgotten = self._responses.pop(response_id, None)
        if forgotten is not None:
            self._size_bytes -= forgotten.size_bytes
            for item_id in forgotten.output_ids:
                del self._items[item_id]


def _size_bytes(items: Sequence[Item]) -> int:
    """What the items take in memory, with every field that a client put in; rather too much."""
    text = json.dumps(items)
    return len(text) + _BYTES_EACH * sum(map(text.count, '{["'))
