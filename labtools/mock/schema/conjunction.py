"""Subschemas that a value must satisfy together, what they say jointly, and what bounds the search.

`parts` are schema objects as they were written, after `$ref` and the chosen branches of `anyOf`
and the like were followed: nothing is merged, each question is put to all parts.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

Json: TypeAlias = Any
Schema: TypeAlias = Any  # an object or a boolean
Part: TypeAlias = Mapping[str, Any]

MAX_ITEMS = 5_000
# Work is counted in steps, never in seconds, so that a schema ends the same way everywhere.
MAX_STEPS = 20_000
CHARS_PER_STEP = 64
# "number" stands for what need not be whole.
KINDS = ("string", "integer", "number", "boolean", "null", "array", "object")
_KEYWORDS_OF = {
    "object": {"additionalProperties", "maxProperties", "minProperties", "patternProperties"}
    | {"properties", "propertyNames", "required"},
    "array": {"items", "maxItems", "minItems", "prefixItems", "uniqueItems"},
    "number": {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"},
    "string": {"format", "maxLength", "minLength", "pattern"},
}


class NoValue(Exception):
    """This branch of the schema has no value, or none within the limits. Another one may.

    `path` leads from the place that gave up to the place where no value was found.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: tuple[str | int, ...] = ()

    def below(self, name: str | int) -> NoValue:
        """The same, seen from one level further up."""
        self.path = (name, *self.path)
        return self

    def __str__(self) -> str:
        if not self.path:
            return self.reason
        shown = "/".join(f"{name!s:.40}" for name in self.path[:4])
        return f"at '/{shown}{'/...' * (len(self.path) > 4)}' {self.reason}"


class Exhausted(Exception):
    """The steps are used up."""


class Budget:
    """The steps that are left."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int = 1, chars: int = 0) -> None:
        """Take `steps`, and those that so many characters cost. Raises Exhausted at the end."""
        self.left -= steps + chars // CHARS_PER_STEP
        if self.left < 0:
            raise Exhausted


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


def spelled(value: Json) -> str:
    """A key that is equal for equal values."""
    return json.dumps(value, sort_keys=True)


def _admits(kind: str, value: Json) -> bool:
    if is_number(value):
        return kind == "number" or (kind == "integer" and value == int(value))
    kinds = {bool: "boolean", type(None): "null", str: "string", list: "array", dict: "object"}
    return kind == kinds[type(value)]


class Conjunction:
    """The parts gathered so far, with the kinds of value that all of them allow."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.kinds: frozenset[str] = frozenset(KINDS)

    def add(self, part: Part) -> None:
        """One more part. Raises NoValue when no kind of value is left."""
        self.parts.append(part)
        types = part.get("type")
        if types is None:
            return
        named = {types} if isinstance(types, str) else set(types)
        if "number" in named:
            named.add("integer")
        self.kinds &= named
        if not self.kinds:
            raise NoValue(f"type {types!r} excludes what another part of the schema asks for")

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
        listed = [[part["const"]] for part in self.parts if "const" in part]
        listed += [part["enum"] for part in self.parts if isinstance(part.get("enum"), list)]
        if not listed:
            return None
        left, *others = listed
        for other in others:
            allowed = {spelled(value) for value in other}
            left = [value for value in left if spelled(value) in allowed]
        return [value for value in left if any(_admits(kind, value) for kind in self.kinds)]

    def values(self, keyword: str) -> Iterator[Any]:
        """The keyword's value in each part that has it."""
        return (part[keyword] for part in self.parts if keyword in part)

    def names(self, keyword: str) -> list[str]:
        """The names, each once, that the keyword's objects hold."""
        return list(dict.fromkeys(name for part in self.parts for name in mapping(part, keyword)))

    def of_member(
        self, name: str, matches: Callable[[str, str], bool], budget: Budget
    ) -> list[Schema]:
        """What governs the member of this name; `matches(pattern, name)` looks for a pattern."""
        budget.spend(1 + len(self.parts) // 16, chars=len(name))
        found: list[Schema] = []
        for part in self.parts:
            properties, patterns = mapping(part, "properties"), mapping(part, "patternProperties")
            budget.spend(len(patterns) // 4)
            here = [properties[name]] if name in properties else []
            here += [patterns[key] for key in patterns if matches(key, name)]
            if not here and "additionalProperties" in part:
                here.append(part["additionalProperties"])
            found += here
        return found

    def of_item(self, index: int) -> list[Schema]:
        """What governs the item at this index."""
        found: list[Schema] = []
        for part in self.parts:
            fixed = _fixed_items(part)
            if index < len(fixed):
                found.append(fixed[index])
            elif isinstance(part.get("items"), dict | bool):
                found.append(part["items"])
        return found

    @property
    def fixed_items(self) -> int:
        """How many items have a schema of their own."""
        return max(len(_fixed_items(part)) for part in self.parts)

    def window(self, least: str, most: str, limit: int) -> tuple[int, int]:
        """The smallest and largest count that `least` and `most` allow, at most `limit`."""
        low = max((int(n) for n in self.values(least) if is_number(n)), default=0)
        high = min((int(n) for n in self.values(most) if is_number(n)), default=limit)
        if low > high and high < limit:
            raise NoValue(f"{least} is {low} and {most} is {high}")
        if low > limit:
            raise NoValue(f"{least} is {low}, and this endpoint makes at most {limit}")
        return low, min(high, limit)

    def numbers(self, keyword: str) -> list[Fraction]:
        """The keyword's value in each part in which it is a number, as it is written."""
        # 0.01 is a hundredth.
        found = [value for value in self.values(keyword) if is_number(value)]
        return [Fraction(value if isinstance(value, int) else repr(value)) for value in found]

    def step(self) -> Fraction | None:
        """What the number must be a multiple of."""
        steps = self.numbers("multipleOf")
        if not steps:
            return None
        numerator = math.lcm(*(step.numerator for step in steps))
        return Fraction(numerator, math.gcd(*(step.denominator for step in steps)))


def _fixed_items(part: Part) -> Sequence[Schema]:
    return listing(part, "prefixItems") or listing(part, "items")  # a list before 2020-12


def number(conjunction: Conjunction, rng: random.Random, whole: bool) -> int | float:
    """A number within the bounds; small and near zero, or near its bound, where there is room."""
    step = conjunction.step()
    if whole:
        steps = [Fraction(1 if step is None else step.numerator)]
    else:
        steps = [step] if step else [Fraction(1, 10**digits) for digits in (2, 6, 12, 18, 340)]
    for size in steps:
        lows = [math.ceil(low / size) for low in conjunction.numbers("minimum")]
        lows += [math.floor(low / size) + 1 for low in conjunction.numbers("exclusiveMinimum")]
        highs = [math.floor(high / size) for high in conjunction.numbers("maximum")]
        highs += [math.ceil(high / size) - 1 for high in conjunction.numbers("exclusiveMaximum")]
        least, most = max(lows, default=None), min(highs, default=None)
        if least is None or most is None or least <= most:
            first, last = _window(least, most, size)
            for _ in range(8):
                value = size * rng.randint(first, last)
                if whole or abs(value) >= 2**1023:
                    return int(value)
                # Some validators divide floats: 0.29 / 0.01 is 28.999999999999996 to them.
                if step is None or (float(size) and (float(value) / float(size)).is_integer()):
                    break
            return float(value)
    raise NoValue("no number lies within minimum, maximum and multipleOf")


def _window(least: int | None, most: int | None, size: Fraction) -> tuple[int, int]:
    """The multiples to draw from: about a hundred units, of all that are allowed."""
    usual = max(10, math.ceil(100 / size))
    if least is None:
        least = 0 if most is None or most >= 0 else most - usual
    if most is None:
        most = max(usual, least + usual // 10)
    if most - least > 100 * usual:
        least = max(least, min(0, most - usual))
        most = min(most, least + usual)
    return least, most
