"""What another tool's JSON holds at a place, if it is of the kind that is expected there."""

from __future__ import annotations

from typing import Any

from labtools.clock import calendar_ns

Json = dict[str, Any]

_LARGEST = 10**12  # as the records allow


def dig(values: object, *path: str | int) -> Any:
    """What is at the end of a path of keys and places; None where the path breaks off."""
    for part in path:
        if isinstance(values, dict):
            values = values.get(part)
        elif (
            isinstance(values, list)
            and isinstance(part, int)
            and -len(values) <= part < len(values)
        ):
            values = values[part]
        else:
            return None
    return values


def objects(values: object, *path: str | int) -> list[Json]:
    """The objects in the list at the end of a path."""
    found = dig(values, *path)
    return [value for value in found if isinstance(value, dict)] if isinstance(found, list) else []


def text(values: object, *path: str | int) -> str:
    """The text there; an empty one where there is none."""
    found = dig(values, *path)
    return found if isinstance(found, str) else ""


def number(value: object) -> float | None:
    """A number that is not negative, also one that is written as a text."""
    if isinstance(value, str):
        try:
            value = int(value) if value.isdecimal() else float(value)
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= 10**19 else None  # type: ignore[operator,return-value]


def tokens(values: object, *path: str | int) -> int | None:
    """A count of tokens; None where there is none."""
    found = number(dig(values, *path))
    return int(found) if found is not None and found <= _LARGEST else None


def instant_ns(value: object) -> int | None:
    """An instant, from ISO 8601, or from seconds or nanoseconds since 1970."""
    found = number(value)
    if found is not None:
        return int(found) if found >= 10**15 else int(found * 1e9) if 1e8 < found < 1e11 else None
    return calendar_ns(value) if isinstance(value, str) else None
