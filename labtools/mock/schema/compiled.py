"""A schema made ready: checked, its references found, its values verified.

Validation is jsonschema-rs's: it is compiled once, it fetches nothing, and its patterns are
matched in bounded time. What it costs to verify a value is estimated before it is verified,
since references can make a small schema visit a small value a billion times.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any, NoReturn

import jsonschema_rs

from labtools.errors import UnusableSchema
from labtools.mock.schema.conjunction import Json, Part, Schema, listing, mapping
from labtools.mock.schema.limits import (
    MAX_SCHEMA_CHARS,
    MAX_VISITS,
    Budget,
    Exhausted,
)
from labtools.mock.schema.references import (
    IN_PLACE,
    MAPS,
    OF_ITEMS,
    OF_MEMBERS,
    REFERENCES,
    References,
)

_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000, size_limit=2_000_000)
# Levels that `height` looks ahead.
_LOOKAHEAD = 12


def compile_schema(schema: Schema) -> CompiledSchema:
    """The schema made ready, once for each text.

    Raises UnusableSchema for what is no schema, is too long, or refers to what is not in it.
    """
    if not isinstance(schema, dict | bool):
        raise UnusableSchema(
            f"A JSON schema must be an object or a boolean. Found {type(schema).__name__}."
        )
    try:
        text = json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnusableSchema(f"The JSON schema cannot be written as JSON: {error}.") from error
    if len(text) > MAX_SCHEMA_CHARS:
        raise UnusableSchema(
            f"The JSON schema has {len(text)} characters. Allowed: at most {MAX_SCHEMA_CHARS}."
        )
    return _compile(text)


@lru_cache(maxsize=128)
def _compile(text: str) -> CompiledSchema:
    return CompiledSchema(text)


def _fetch_nothing(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is not part of this schema, and nothing is fetched")


def _prepared(prepare: Callable[..., Any], schema: Schema) -> Any:
    """What jsonschema-rs makes of a schema. Raises ValueError where it cannot read it."""
    try:
        return prepare(schema, retriever=_fetch_nothing, pattern_options=_PATTERNS)
    except BaseException as error:
        # A panic in Rust is no Exception. Contradictory `$id`s are known to cause one.
        if type(error).__name__ == "PanicException":
            raise ValueError(f"the validator gave up: {error}") from error
        raise


class CompiledSchema:
    """One schema: `root` is a copy of what was given, in the same order."""

    def __init__(self, text: str) -> None:
        self.root: Schema = json.loads(text)
        self.has_references = any(f'"{keyword}"' in text for keyword in REFERENCES)
        self._size = text.count(":") + 1
        self._patterns: dict[str, jsonschema_rs.Validator] = {}
        self._heights: dict[tuple[int, int], float] = {}
        try:
            self._validator = _prepared(jsonschema_rs.validator_for, self.root)
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            path = "/".join(map(str, getattr(error, "instance_path", ())))
            message = str(getattr(error, "message", error)).strip().removesuffix(".")
            raise UnusableSchema(
                f"The JSON schema is not valid at '#{path and '/' + path}': {message:.300}. "
                "Allowed: JSON Schema draft 4 to 2020-12 (2020-12 without `$schema`)."
            ) from error

    def accepts(self, value: Json, budget: Budget) -> bool:
        """Whether the whole schema admits the value."""
        self._afford(self.root, value, budget)
        return bool(self._validator.is_valid(value))

    def complaint(self, value: Json) -> str:
        """What the schema finds wrong with a value that it does not admit."""
        error = next(self._validator.iter_errors(value), None)
        return "" if error is None else f"{error.message:.300}"

    def accepts_at(self, schema: Schema, value: Json, budget: Budget) -> bool:
        """Whether this part of the schema admits the value. True if it is no known part."""
        if isinstance(schema, bool):
            return schema
        pointer = self._references.pointers.get(id(schema))
        validator = None if pointer is None else self._parts.get(pointer)
        if validator is None:
            return True
        budget.spend()
        self._afford(schema, value, budget)
        return bool(validator.is_valid(value))

    def matches(self, pattern: str, text: str) -> bool:
        """Whether the pattern is found in the text."""
        if pattern not in self._patterns:
            self._patterns[pattern] = _prepared(jsonschema_rs.validator_for, {"pattern": pattern})
        return bool(self._patterns[pattern].is_valid(text))

    def resolve(self, part: Part, reference: str) -> Schema:
        """What a reference in this part points at."""
        return self._references.target(part, reference)

    def height(self, schema: Schema, ahead: int = _LOOKAHEAD) -> float:
        """How deep the shallowest value nests, infinite if it does not end within `ahead`."""
        if not isinstance(schema, dict):
            return 0 if schema is not False else float("inf")
        if ahead == 0:
            return float("inf")
        key = (id(schema), ahead)
        if key not in self._heights:
            self._heights[key] = self._height(schema, ahead - 1)
        return self._heights[key]

    def _height(self, part: Part, ahead: int) -> float:
        if "const" in part or "enum" in part:
            return 0
        found = 0.0
        for keyword in REFERENCES:
            if isinstance(part.get(keyword), str):
                found = max(found, self.height(self.resolve(part, part[keyword]), ahead))
        for branch in listing(part, "allOf"):
            found = max(found, self.height(branch, ahead))
        for keyword in ("anyOf", "oneOf"):
            if branches := listing(part, keyword):
                found = max(found, min(self.height(branch, ahead) for branch in branches))
        properties = mapping(part, "properties")
        for name in listing(part, "required"):
            found = max(found, 1 + self.height(properties.get(name, True), ahead))
        if part.get("minItems", 0):
            for item in (*listing(part, "prefixItems"), part.get("items", True)):
                found = max(found, 1 + self.height(item, ahead))
        return found

    @cached_property
    def _references(self) -> References:
        return References(self.root)

    @cached_property
    def _parts(self) -> Any:
        try:
            return _prepared(jsonschema_rs.validator_map_for, self.root)
        except ValueError:
            return {}

    def _afford(self, schema: Schema, value: Json, budget: Budget) -> None:
        """Take what it costs to verify the value, before it is spent."""
        if self.has_references:
            visits = self._visits(schema, value, {}, budget)
        else:
            visits = self._size * _size(value)
        if visits > MAX_VISITS:
            raise Exhausted

    def _visits(
        self, schema: Schema, value: Json, known: dict[tuple[int, int], int], budget: Budget
    ) -> int:
        """How often a validator looks at a subschema, if it looks at all of them."""
        if not isinstance(schema, dict):
            return 1
        key = (id(schema), id(value) if isinstance(value, dict | list) else 0)
        if key in known:
            return known[key]
        budget.spend()
        known[key] = 0  # A reference that leads back here without a step is not followed twice.
        visits = 1
        for keyword in REFERENCES:
            if isinstance(schema.get(keyword), str):
                target = self.resolve(schema, schema[keyword])
                visits += self._visits(target, value, known, budget)
        for keyword in IN_PLACE:
            for branch in _children(schema, keyword):
                visits += self._visits(branch, value, known, budget)
        if isinstance(value, dict):
            properties = mapping(schema, "properties")
            for name, child in value.items():
                visits += self._visits(schema.get("propertyNames"), name, known, budget)
                visits += self._visits(properties.get(name), child, known, budget)
                for keyword in OF_MEMBERS:
                    for branch in _children(schema, keyword):
                        visits += self._visits(branch, child, known, budget)
        elif isinstance(value, list):
            prefix = listing(schema, "prefixItems") or listing(schema, "items")
            for index, child in enumerate(value):
                if index < len(prefix):
                    visits += self._visits(prefix[index], child, known, budget)
                for keyword in OF_ITEMS:
                    if isinstance(schema.get(keyword), dict):
                        visits += self._visits(schema[keyword], child, known, budget)
        known[key] = visits
        return visits


def _children(schema: Part, keyword: str) -> Iterator[Schema]:
    value = schema.get(keyword)
    if isinstance(value, list):
        yield from value
    elif keyword in MAPS and isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, dict):
        yield value


def _size(value: Json) -> int:
    children = value.values() if isinstance(value, dict) else value
    return 1 + sum(map(_size, children)) if isinstance(value, dict | list) else 1
