"""Tool calls put together from a stream's fragments, which are not always quite OpenAI's.

OpenAI numbers its calls and sends each one's id and name once. Others send the name with every
fragment, one number for all calls, or none. So an id that was not seen before, with a name, opens
a call; without an id, a name does when the call before has all its arguments.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from labtools.read_back import NOT_JSON, from_json
from labtools.records import ToolCall


def text_of(value: object) -> str:
    """The value as a text; nothing for null. Raises TypeError for anything else."""
    if value is not None and not isinstance(value, str):
        raise TypeError("not a text")
    return value or ""


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str
    name: str = ""
    arguments: str = ""

    @property
    def whole(self) -> bool:
        """Whether the arguments are complete JSON."""
        return from_json(self.arguments) is not NOT_JSON


@dataclass(slots=True)
class ToolFragments:
    """The calls of one answer, as far as its fragments have come."""

    _calls: list[_Call] = field(default_factory=list)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """In the order of their numbers; those with the same one, or none, as they came."""
        ordered = sorted(self._calls, key=lambda call: call.index or 0)
        numbered = all(call.index is not None for call in self._calls)
        return tuple(
            ToolCall(call.id, call.name, call.arguments)
            for call in (ordered if numbered else self._calls)
        )

    def take(self, fragment: dict[str, Any]) -> int:
        """Add one fragment; returns how many characters it brought.

        Raises TypeError or AttributeError for what is none.
        """
        function = fragment.get("function") or fragment.get("custom") or {}
        id, name = text_of(fragment.get("id")), text_of(function.get("name"))
        arguments = function.get("arguments") or function.get("input")
        if isinstance(arguments, dict | list):
            arguments = json.dumps(arguments)
        arguments = text_of(arguments)
        index = _number(fragment.get("index"))
        if not (id or name or arguments) and index is None:
            return 0
        call = self._continued(index, id, name, arguments)
        if call is None:
            self._calls.append(call := _Call(index, id))
        call.id = call.id or id
        new_name = _added(call, name)
        call.name += new_name
        call.arguments += arguments
        return len(new_name) + len(arguments)

    def _continued(self, index: int | None, id: str, name: str, arguments: str) -> _Call | None:
        """The call that a fragment goes on with; None if it opens one."""
        if id:
            known = [call for call in self._calls if call.id == id]
            if index is not None:  # the same id under two numbers is two calls
                known = [call for call in known if call.index in (None, index)] or (
                    [] if name else known
                )
            if known:
                return known[-1]
        at = [call for call in self._calls if index is None or call.index == index]
        if not at:
            # Without a number, and with none but numbered calls: the last one.
            at = self._calls if index is None else []
        if not at:
            return None
        last = at[-1]
        if id and name and last.id:
            return None
        if name and not id and (arguments or index is None) and last.whole:
            return None
        if name and index is None and last.name and not name.startswith(last.name):
            return None
        return last


def _number(index: object) -> int | None:
    if isinstance(index, str) and index.isdigit():
        return int(index)
    if index is None or isinstance(index, bool):
        return None
    if not isinstance(index, int):
        raise TypeError("not an index")
    return index


def _added(call: _Call, name: str) -> str:
    """What a fragment's name adds: it is whole in the first fragment, or repeated, or in parts."""
    if call.name.startswith(name) or call.arguments:
        return "" if call.name else name
    return name.removeprefix(call.name)
