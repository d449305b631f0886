"""Subschemas that a value must satisfy together, and what they say about it jointly.

`parts` are schema objects as they were written, after `$ref` and the chosen branches of `anyOf`
and the like were followed: nothing is merged, each question is put to all parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from labtools.mock.schema.limits import NoValue

Json: TypeAlias = Any
Schema: TypeAlias = Any  # an object or a boolean
Part: TypeAlias = Mapping[str, Any]

# "number" stands for what need not be whole.
KINDS = ("string", "integer", "number", "boolean", "null", "array", "object")
_KEYWORDS_OF = {
    "object": frozenset(
        {"additionalProperties", "dependencies", "dependentRequired", "dependentSchemas"}
        | {"maxProperties", "minProperties", "patternProperties", "properties"}
        | {"propertyNames", "required", "unevaluatedProperties"}
    ),
    "array": frozenset(
        {"contains", "items", "maxItems", "minItems", "prefixItems", "unevaluatedItems"}
        | {"uniqueItems"}
    ),
    "number": frozenset(
        {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"}
    ),
    "string": frozenset({"format", "maxLength", "minLength", "pattern"}),
}
# What a value drawn part by part may still get wrong.
_UNCERTAIN = frozenset(
    {"$dynamicRef", "$recursiveRef", "anyOf", "const", "contains", "dependencies"}
    | {"dependentSchemas", "enum", "if", "maxContains", "minContains", "multipleOf", "not"}
    | {"oneOf", "pattern", "patternProperties", "propertyNames", "unevaluatedItems"}
    | {"unevaluatedProperties", "uniqueItems"}
)


def mapping(part: Part, keyword: str) -> Mapping[str, Any]:
    """The keyword's value if it is an object, else an empty one."""
    value = part.get(keyword)
    return value if isinstance(value, dict) else {}


def listing(part: Part, keyword: str) -> Sequence[Any]:
    """The keyword's value if it is an array, else an empty one."""
    value = part.get(keyword)
    return value if isinstance(value, list) else ()


def is_number(value: object) -> bool:
    """Whether the value is a JSON number: a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def identity(value: Json) -> Any:
    """A key that is equal for equal JSON values: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return "object", frozenset((name, identity(child)) for name, child in value.items())
    if isinstance(value, list):
        return "array", tuple(identity(child) for child in value)
    return isinstance(value, bool), value


def admits(kind: str, value: Json) -> bool:
    """Whether a value is of this kind."""
    if is_number(value):
        return kind == "number" or (kind == "integer" and value == int(value))
    if isinstance(value, bool):
        return kind == "boolean"
    if value is None:
        return kind == "null"
    if isinstance(value, str):
        return kind == "string"
    return kind == ("array" if isinstance(value, list) else "object")


class Conjunction:
    """The parts gathered so far, with the kinds of value that all of them allow."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.kinds: frozenset[str] = frozenset(KINDS)
        self.uncertain = False

    def add(self, part: Part) -> None:
        """One more part. Raises NoValue when no kind of value is left."""
        self.parts.append(part)
        self.uncertain = self.uncertain or not _UNCERTAIN.isdisjoint(part)
        types = part.get("type")
        if types is None:
            return
        named = {types} if isinstance(types, str) else set(types)
        if "number" in named:
            named.add("integer")
        self.kinds &= named
        if not self.kinds:
            raise NoValue(f"type {types!r} excludes what another part of the schema asks for")

    def mark(self) -> tuple[int, frozenset[str]]:
        """Where `undo` may come back to."""
        return len(self.parts), self.kinds

    def undo(self, mark: tuple[int, frozenset[str]]) -> None:
        """Forget the parts added since `mark`."""
        del self.parts[mark[0] :]
        self.kinds = mark[1]

    @property
    def typed(self) -> bool:
        """Whether any part names the kinds of value."""
        return any("type" in part for part in self.parts)

    def likely_kinds(self) -> list[str]:
        """The kinds to draw from: those named, else what the keywords speak of, else words."""
        kinds = [kind for kind in KINDS if kind in self.kinds]
        if "number" in kinds:
            kinds.remove("integer")
        if self.typed:
            return kinds
        for kind, keywords in _KEYWORDS_OF.items():
            if any(not keywords.isdisjoint(part) for part in self.parts):
                return [kind]
        return ["string"]

    def enumerated(self) -> list[Json] | None:
        """The values that `enum` and `const` leave, or None where there are neither."""
        left: list[Json] | None = None
        for part in self.parts:
            if "const" in part:
                left = _common(left, [part["const"]])
            if isinstance(part.get("enum"), list):
                left = _common(left, part["enum"])
        if left is None:
            return None
        return [value for value in left if any(admits(kind, value) for kind in self.kinds)]

    def values(self, keyword: str) -> Iterator[Any]:
        """The keyword's value in each part that has it."""
        return (part[keyword] for part in self.parts if keyword in part)

    def window(self, least: str, most: str, limit: int) -> tuple[int, int]:
        """The smallest and largest count that `least` and `most` allow, at most `limit`."""
        low = max((int(n) for n in self.values(least) if is_number(n)), default=0)
        high = min((int(n) for n in self.values(most) if is_number(n)), default=limit)
        if low > high and high < limit:
            raise NoValue(f"{least} is {low} and {most} is {high}")
        if low > limit:
            raise NoValue(f"{least} is {low}, and this endpoint makes at most {limit}")
        return low, min(high, limit)

    def range(self) -> tuple[Fraction | None, bool, Fraction | None, bool]:
        """(minimum, whether it is excluded, maximum, whether it is excluded)."""
        lows: list[tuple[Fraction, bool]] = []
        highs: list[tuple[Fraction, bool]] = []
        for part in self.parts:
            for bounds, inclusive, exclusive in (
                (lows, "minimum", "exclusiveMinimum"),
                (highs, "maximum", "exclusiveMaximum"),
            ):
                if is_number(part.get(inclusive)):
                    bounds.append((exact(part[inclusive]), part.get(exclusive) is True))
                if is_number(part.get(exclusive)):
                    bounds.append((exact(part[exclusive]), True))
        low = max(lows) if lows else (None, False)
        high = min(highs, key=lambda bound: (bound[0], not bound[1])) if highs else (None, False)
        return *low, *high

    def step(self) -> Fraction | None:
        """What the number must be a multiple of."""
        steps = [exact(step) for step in self.values("multipleOf") if is_number(step)]
        if not steps:
            return None
        numerator = math.lcm(*(step.numerator for step in steps))
        return Fraction(numerator, math.gcd(*(step.denominator for step in steps)))


def exact(number: float) -> Fraction:
    """The number as it is written: 0.01 is a hundredth."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _common(left: list[Json] | None, right: Sequence[Json]) -> list[Json]:
    if left is None:
        return list(right)
    allowed = {identity(value) for value in right}
    return [value for value in left if identity(value) in allowed]
