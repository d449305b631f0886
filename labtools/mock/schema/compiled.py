"""A schema made ready: checked, its references followed, its values verified.

jsonschema-rs verifies where there is a wheel of it; elsewhere, as in a browser, jsonschema does.
Neither counts what it does, and references can make a small schema look at a small value a
billion times. So a step is spent for each such look before the library takes any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from labtools.errors import UnusableSchema
from labtools.mock.schema.conjunction import Budget, Json, Part, Schema, listing, mapping
from labtools.mock.schema.strings import as_python

try:
    import jsonschema_rs
except ImportError:
    jsonschema_rs = None  # type: ignore[assignment]

MAX_SCHEMA_CHARS = 100_000
_KEPT_CHARS = 10_000
_RENAMES = re.compile(r'"\$(id|anchor|dynamicAnchor|dynamicRef|recursiveAnchor|recursiveRef)": ')
_BRANCHES = ("anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
_OF_MEMBERS = ("patternProperties", "additionalProperties", "unevaluatedProperties")
_OF_ITEMS = ("prefixItems", "items", "contains", "unevaluatedItems", "additionalItems")
_MAPS = ("patternProperties", "dependentSchemas", "dependencies")
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
    return _compile(text) if len(text) <= _KEPT_CHARS else CompiledSchema(text)


@lru_cache(maxsize=32)
def _compile(text: str) -> CompiledSchema:
    return CompiledSchema(text)


class CompiledSchema:
    """One schema: `root` is a copy of what was given, in the same order."""

    def __init__(self, text: str) -> None:
        self.root: Schema = json.loads(text)
        self.chars = len(text)
        self._heights: dict[tuple[int, int], float] = {}
        self._patterns: dict[str, Callable[[Json], Iterator[Any]]] = {}
        if isinstance(self.root, dict):
            # The library must not find more in a reference than is looked at here.
            nested = {name: value for name, value in self.root.items() if name != "$id"}
            if found := _RENAMES.search(json.dumps(nested)):
                raise UnusableSchema(
                    f"The JSON schema has '${found[1]}' within. Allowed: references that lead "
                    "from its root, such as '#/$defs/name'."
                )
        try:
            self._errors = _validator(self.root)
        except Exception as error:
            path = "/".join(map(str, getattr(error, "instance_path", getattr(error, "path", ()))))
            message = str(getattr(error, "message", error)).strip().removesuffix(".")
            raise UnusableSchema(
                f"The JSON schema is not valid at '#{path and '/' + path}': {message:.300}. "
                "Allowed: JSON Schema draft 6 to 2020-12 (2020-12 without `$schema`)."
            ) from error

    def complaint(self, value: Json, budget: Budget) -> str | None:
        """What the schema finds wrong with the value. None: it admits it."""
        self._look(self.root, value, budget)
        error = next(self._errors(value), None)
        return None if error is None else f"{error.message:.300}"

    def matches(self, pattern: str, text: str) -> bool:
        if pattern not in self._patterns:
            self._patterns[pattern] = _validator({"pattern": pattern})
        return next(self._patterns[pattern](text), None) is None

    def resolve(self, reference: str) -> Schema:
        found = self.root if reference.startswith("#") else None
        pointer = unquote(reference[1:])
        for token in pointer.split("/")[1:] if pointer.startswith("/") or not pointer else ["", ""]:
            token = token.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and token.isdecimal() and int(token) < len(found):
                found = found[int(token)]
            else:
                found = found.get(token) if isinstance(found, dict) else None
        if found is None:
            raise UnusableSchema(
                f"The JSON schema refers to '{reference:.100}', which does not exist in it. "
                "Nothing is fetched. Allowed: references such as '#/$defs/name'."
            )
        return found

    def along(self, part: Part) -> list[Schema]:
        """What must hold with a part: what it refers to, and all of `allOf`."""
        reference = part.get("$ref")
        referred = [self.resolve(reference)] if isinstance(reference, str) else []
        return [*referred, *listing(part, "allOf")]

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
        properties = mapping(part, "properties")
        below = [properties.get(name, True) for name in listing(part, "required")]
        if part.get("minItems", 0):
            below += [*listing(part, "prefixItems"), part.get("items", True)]
        heights = [self.height(branch, ahead) for branch in self.along(part)]
        heights += [1 + self.height(child, ahead) for child in below]
        for keyword in ("anyOf", "oneOf"):
            if branches := listing(part, keyword):
                heights.append(min(self.height(branch, ahead) for branch in branches))
        return max(heights, default=0)

    def _look(self, schema: Schema, value: Json, budget: Budget) -> None:
        """Spend a step for each subschema that a validator may look at."""
        budget.spend()
        if not isinstance(schema, dict):
            return
        if isinstance(value, dict):
            names, members = _within(schema, "propertyNames"), _within(schema, *_OF_MEMBERS)
            properties = mapping(schema, "properties")
            for name, child in value.items():
                for branch in names:
                    self._look(branch, name, budget)
                for branch in (*members, properties.get(name, True)):
                    self._look(branch, child, budget)
        elif isinstance(value, list):
            items = _within(schema, *_OF_ITEMS)
            for child in value:
                for branch in items:
                    self._look(branch, child, budget)
        for branch in (*self.along(schema), *_within(schema, *_BRANCHES)):
            self._look(branch, value, budget)


def _within(schema: Part, *keywords: str) -> list[Schema]:
    found: list[Schema] = []
    for keyword in keywords:
        value = schema.get(keyword)
        if keyword in _MAPS and isinstance(value, dict):
            value = list(value.values())
        found += value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    return found


def _validator(schema: Schema) -> Callable[[Json], Iterator[Any]]:
    """What finds a value's errors. Raises an error with a message where it is no schema."""
    if jsonschema_rs is not None:
        options = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000, size_limit=500_000)
        return jsonschema_rs.validator_for(
            schema, pattern_options=options, validate_formats=False, retriever=_fetch_nothing
        ).iter_errors
    import jsonschema  # a second or more to import, and seldom needed

    validator = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    validator.check_schema(schema)
    checked: Callable[[Json], Iterator[Any]] = validator(
        json.loads(as_python(json.dumps(schema)))
    ).iter_errors
    return checked


def _fetch_nothing(uri: str) -> Any:
    raise ValueError(f"{uri} is not part of this schema, and nothing is fetched")
