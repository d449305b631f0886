"""Arrays that a conjunction allows: one to three items where their number is left open."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from labtools.mock.schema.conjunction import (
    Conjunction,
    Json,
    Part,
    Schema,
    identity,
    is_number,
    listing,
)
from labtools.mock.schema.limits import MAX_ITEMS, NoValue

if TYPE_CHECKING:
    from labtools.mock.schema.draw import Draw


def draw_array(draw: Draw, conjunction: Conjunction, depth: int, attempt: int) -> list[Json]:
    """An array. What it must contain comes last, where no prefix is in the way."""
    least, most = conjunction.window("minItems", "maxItems", MAX_ITEMS)
    contained = _contained(conjunction)
    least = max(least, len(contained))
    if least > most:
        raise NoValue(f"minContains needs {least} items and maxItems is {most}")
    count = least
    if draw.ample(depth):
        prefix = max((len(_prefix(part)) for part in conjunction.parts), default=0)
        usual = draw.rng.randint(0, 3) if attempt else prefix or draw.rng.randint(1, 3)
        count = max(least, min(most, usual))
    unique = any(value is True for value in conjunction.values("uniqueItems"))
    first_contained = count - len(contained)
    items: list[Json] = []
    seen: set[object] = set()
    for _ in range(count * (30 if unique else 1) + 60):
        index = len(items)
        if index == count:
            break
        schemas = _of_item(conjunction, index)
        draw.budget.spend(len(conjunction.parts) // 16)
        if index >= first_contained:
            schemas.append(contained[index - first_contained])
        elif index >= least and draw.endless(schemas):
            break
        try:
            item = draw.value(schemas, depth + 1)
        except NoValue as error:
            if index < least or contained:
                raise error.below(index) from None
            break
        if unique:
            key = identity(item)
            if key in seen:
                continue
            seen.add(key)
        items.append(item)
    if len(items) < least:
        raise NoValue(f"{least} different items are asked for, and {len(items)} were found")
    return items


def _contained(conjunction: Conjunction) -> list[Schema]:
    """What the array must contain, as often as it must."""
    found: list[Schema] = []
    for part in conjunction.parts:
        if "contains" in part:
            times = part.get("minContains", 1)
            times = int(times) if is_number(times) else 1
            if times > MAX_ITEMS:
                raise NoValue(f"minContains is {times}, and at most {MAX_ITEMS} are made")
            found += [part["contains"]] * times
    return found


def _of_item(conjunction: Conjunction, index: int) -> list[Schema]:
    """What governs the item at this index."""
    found: list[Schema] = []
    for part in conjunction.parts:
        prefix = _prefix(part)
        if index < len(prefix):
            found.append(prefix[index])
        elif isinstance(part.get("items"), dict | bool):
            found.append(part["items"])
        elif "additionalItems" in part and isinstance(part.get("items"), list):
            found.append(part["additionalItems"])
    return found or list(islice(conjunction.values("unevaluatedItems"), 1))


def _prefix(part: Part) -> Sequence[Schema]:
    return listing(part, "prefixItems") or listing(part, "items")  # a list before 2020-12
