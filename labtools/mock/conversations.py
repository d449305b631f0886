"""What the endpoint remembers of earlier responses, so that a request can continue one."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from labtools.wire.api_error import invalid
from labtools.wire.responses_items import Item

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
