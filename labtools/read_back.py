"""The boundary for all that is read: values from JSON or TOML to a type, or one clear line.

pydantic checks; what it found first becomes the sentence. Types are dataclasses or models, and say
by themselves how strict they are. Of JSON that another tool wrote, a value is taken if it is of the
kind that is expected there, and left out if it is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from labtools.errors import ConfigurationError

Json = dict[str, Any]
T = TypeVar("T")
_MOST_TOKENS = 10**12  # as the records allow
NOT_JSON = object()


def from_json(text: str | bytes) -> Any:
    """What a text says as JSON; NOT_JSON for one that is none, or nests too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NOT_JSON


class Fault(NamedTuple):
    """The first thing that is wrong with some values."""

    path: tuple[int | str, ...]
    """The field, from the outermost in; empty for the whole."""
    kind: str
    """pydantic's name for what is wrong, such as "missing"."""
    allowed: str
    found: str

    @property
    def field(self) -> str:
        """The path as a text: "spans.3.call"; empty for the whole."""
        return ".".join(str(part) for part in self.path)

    def __str__(self) -> str:
        field = f"{self.field}: " if self.path else ""
        found = "" if self.kind == "missing" else f"; found {self.found}"
        return f"{field}{self.allowed}{found}"


def first_fault(error: ValidationError) -> Fault:
    """What a validation found first, in at most some hundred characters."""
    first = error.errors(include_url=False, include_context=False)[0]
    shown = f"{first['input']!r:.80}"
    return Fault(first["loc"], first["type"], first["msg"].removeprefix("Value error, "), shown)


def read_back(
    kind: type[T], values: object, where: str, *, format: str | None = None, next_step: str = ""
) -> T:
    """`values` as a `kind`; a bytes or str is read as JSON. An unknown field is refused.

    With `format`, that must be the value of a field of that name, which is no part of the kind.
    Raises ConfigurationError: `where`, the field, what is allowed, what was found, `next_step`.
    """
    adapter = _adapter(cast(Any, kind))
    try:
        if format is not None:
            values = _of_format(format, values)
        elif isinstance(values, str | bytes):
            return cast(T, adapter.validate_json(values, extra="forbid"))
        return cast(T, adapter.validate_python(values, extra="forbid"))
    except ValidationError as error:
        fault = first_fault(error)
        said = f"{',' if fault.path else ':'} {fault}"
    except ValueError as error:
        said = f": {error}"
    raise ConfigurationError(f"{where}{said.rstrip('.')}. {next_step}".rstrip())


def to_json(value: object) -> str:
    """A value as a file holds it, for `read_back`."""
    return _adapter(cast(Any, type(value))).dump_json(value, indent=1).decode() + "\n"


def schema_text(kind: Any) -> str:
    """The JSON schema of a kind, as it is stored in the documentation."""
    schema = _adapter(kind).json_schema(mode="serialization")
    where = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**where, **schema}, indent=1, ensure_ascii=False) + "\n"


def _of_format(format: str, values: object) -> Mapping[str, Any]:
    if isinstance(values, str | bytes):
        try:
            values = json.loads(values)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError(f"a JSON object is expected; found {values!r:.80}")
    if values.get("format") != format:
        raise ValueError(
            f"its format is {values.get('format')!r:.80}; this version reads {format!r}"
        )
    return {name: value for name, value in values.items() if name != "format"}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


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
    return int(found) if found is not None and found <= _MOST_TOKENS else None
