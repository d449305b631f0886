"""Objects that a conjunction allows: the required members, most optional ones, few others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from labtools.mock.schema.conjunction import Conjunction, Json, Schema, listing, mapping
from labtools.mock.schema.limits import CHARS_PER_STEP, MAX_DEPTH, MAX_ITEMS, NoValue
from labtools.mock.schema.patterns import string_from
from labtools.mock.schema.scalars import word

if TYPE_CHECKING:
    from labtools.mock.schema.draw import Draw

_DEPENDENTS = ("dependentRequired", "dependentSchemas", "dependencies")


def draw_object(draw: Draw, conjunction: Conjunction, depth: int, attempt: int) -> dict[str, Json]:
    """An object, its members in the order of `properties`."""
    share = 0.7 if attempt == 0 else draw.rng.choice((0.0, 0.3, 1.0))
    if not draw.ample(depth):
        share = 0.0
    least, most = conjunction.window("minProperties", "maxProperties", MAX_ITEMS)
    forced = _with_dependents(draw, {}, conjunction, depth)
    members = _known_members(draw, conjunction, depth, forced, share, most)
    extra = least
    if share and not _known_names(conjunction):
        typed = any(isinstance(rule, dict) for rule in conjunction.values("additionalProperties"))
        if typed or (attempt and draw.careful):
            extra = min(most, max(least, 2))
    _add_members(draw, members, conjunction, depth, least, extra)
    return members


def _known_members(
    draw: Draw,
    conjunction: Conjunction,
    depth: int,
    forced: Mapping[str, None],
    share: float,
    most: int,
) -> dict[str, Json]:
    """The forced members, and this share of the other members that the schema names."""
    wanted = dict(forced)
    for name in _known_names(conjunction):
        if name not in wanted and len(wanted) < most and draw.rng.random() < share:
            wanted[name] = None
    wanted = _with_dependents(draw, wanted, conjunction, depth)
    if len(wanted) > most:
        wanted = dict(forced)
    members: dict[str, Json] = {}
    order = [name for name in _known_names(conjunction) if name in wanted]
    for name in dict.fromkeys((*order, *wanted)):
        draw.budget.spend(len(name) // CHARS_PER_STEP)
        schemas = _of_member(draw, conjunction, name)
        if name not in forced and draw.endless(schemas):
            continue
        try:
            members[name] = draw.value(schemas, depth + 1)
        except NoValue as error:
            if name in forced:
                raise error.below(name) from None
            if _has_dependents(conjunction):
                return _known_members(draw, conjunction, depth, forced, 0, most)
    return members


def _with_dependents(
    draw: Draw, wanted: Mapping[str, None], conjunction: Conjunction, depth: int
) -> dict[str, None]:
    """The wanted names, all required ones, and those that come with any of them."""
    wanted = dict(wanted)
    done: set[tuple[int, str]] = set()
    while True:
        for part in conjunction.parts:
            wanted.update(dict.fromkeys(listing(part, "required")))
        if not _has_dependents(conjunction):
            return wanted
        before = len(wanted), len(conjunction.parts)
        for part in list(conjunction.parts):
            for keyword in _DEPENDENTS:
                dependents = mapping(part, keyword)
                draw.budget.spend(len(dependents) // 16)
                for name, dependent in dependents.items():
                    if name not in wanted or (id(dependent), name) in done:
                        continue
                    done.add((id(dependent), name))
                    if isinstance(dependent, list):
                        wanted.update(dict.fromkeys(dependent))
                    else:
                        draw.expand(dependent, conjunction, depth)
        if before == (len(wanted), len(conjunction.parts)):
            return wanted


def _of_member(draw: Draw, conjunction: Conjunction, name: str) -> list[Schema]:
    """What governs the member of this name."""
    draw.budget.spend(1 + len(conjunction.parts) // 16)
    found: list[Schema] = []
    for part in conjunction.parts:
        here: list[Schema] = []
        properties = mapping(part, "properties")
        if name in properties:
            here.append(properties[name])
        patterns = mapping(part, "patternProperties")
        draw.budget.spend(len(patterns) // 4)
        for pattern, schema in patterns.items():
            if draw.compiled.matches(pattern, name):
                here.append(schema)
        if not here and "additionalProperties" in part:
            here.append(part["additionalProperties"])
        found += here
    return found or list(conjunction.values("unevaluatedProperties"))


def _add_members(
    draw: Draw,
    members: dict[str, Json],
    conjunction: Conjunction,
    depth: int,
    least: int,
    enough: int,
) -> None:
    """Members of new names until there are enough. Raises NoValue below `least`."""
    reason = NoValue("no further name is allowed")
    for attempt in range(10 + 10 * enough):
        if len(members) >= enough:
            return
        try:
            name = _new_name(draw, conjunction, attempt)
            schemas = _of_member(draw, conjunction, name)
            if name not in members and not draw.endless(schemas):
                members[name] = draw.value(schemas, depth + 1)
        except NoValue as error:
            reason = error
    if len(members) < least:
        raise NoValue(f"minProperties is {least}, and {len(members)} were found: {reason.reason}")


def _new_name(draw: Draw, conjunction: Conjunction, attempt: int) -> str:
    """A name that may be new: from the rules for names, the patterns, or a word."""
    rules = list(conjunction.values("propertyNames"))
    if rules:
        return str(draw.value([{"type": "string"}, *rules], MAX_DEPTH))
    patterns = [key for part in conjunction.parts for key in mapping(part, "patternProperties")]
    if patterns and attempt % 2 == 0:
        return string_from(draw.rng.choice(patterns), draw.rng, draw.budget, attempt // 2)
    known = list(_known_names(conjunction))
    if known and attempt % 3 == 0:
        return draw.rng.choice(known)
    return word(draw.rng) if attempt < 50 else f"{word(draw.rng)}_{attempt}"


def _known_names(conjunction: Conjunction) -> dict[str, None]:
    return {name: None for part in conjunction.parts for name in mapping(part, "properties")}


def _has_dependents(conjunction: Conjunction) -> bool:
    return any(keyword in part for part in conjunction.parts for keyword in _DEPENDENTS)
