"""JSON values that a JSON schema admits: what the mock answers when it is asked for one.

Small values of plain words, drawn from a random generator and nothing else: the same schema and
the same state of the generator give the same value on every machine. Every value is verified by
a validator before it is returned.

A place in the value is governed by a list of subschemas. They are expanded into a conjunction:
references followed, a branch taken of each choice. Then a value is drawn that the parts allow.
What a conjunction cannot express (`not`, `oneOf`, `contains` ...) is left to chance: the value is
checked, and drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from copy import deepcopy

from labtools.errors import UnusableSchema
from labtools.mock.schema.compiled import CompiledSchema, compile_schema
from labtools.mock.schema.conjunction import (
    CHARS_PER_STEP,
    KINDS,
    MAX_ITEMS,
    Budget,
    Conjunction,
    Exhausted,
    Json,
    NoValue,
    Schema,
    listing,
    number,
    spelled,
)
from labtools.mock.schema.strings import string_from, text, word

MAX_DEPTH = 40
_TRIES = 3
_ATTEMPTS = 12
_EXHAUSTED = "the search ended after as many steps as it may take"
# Levels with what the schema leaves open, and the share of the steps that such attempts may take.
_AMPLE_DEPTH = 3
_AMPLE_SHARE = 0.6


def value_for(schema: Schema, rng: random.Random, budget: Budget | None = None) -> Json:
    """A value that validates against the schema.

    Draft 2020-12, or what `$schema` names (draft 6, 7 or 2019-09). `format` is followed where it
    is a known one, `examples` are used. References must stay within the schema: nothing is
    fetched. Raises UnusableSchema when the schema is not valid, when no value was found, and when
    it would take too long or grow too large: the search is bounded by the steps in `budget`, so
    that a hostile schema fails within a second.
    """
    budget = budget or Budget()
    compiled = compile_schema(schema)
    budget.left -= compiled.chars // CHARS_PER_STEP
    reserve = round(budget.left * (1 - _AMPLE_SHARE))
    reason = _EXHAUSTED
    for attempt in range(_ATTEMPTS):
        # Every other attempt is at the smallest value, which is left some of the steps.
        ample = attempt % 2 == 0
        steps = Budget(budget.left - reserve if ample else budget.left)
        if steps.left <= 0:
            continue
        before = steps.left
        try:
            value = Draw(compiled, rng, steps, _AMPLE_DEPTH if ample else 0).value([compiled.root])
            complaint = compiled.complaint(value, steps)
            if complaint is None:
                return value
            reason = f"what was drawn last broke another part of it ({complaint})"
        except NoValue as error:
            reason = str(error)
        except Exhausted:
            reason = _EXHAUSTED
        except RecursionError:
            reason = "its parts are nested too deeply"
        finally:
            budget.left -= before - max(0, steps.left)
    raise UnusableSchema(
        f"No value was found that the JSON schema admits: {reason}. Loosen the parts of the "
        "schema that exclude each other, or ask for less."
    )


class Draw:
    """One attempt at a value. `ample_depth` is how deep it adds what the schema leaves open."""

    def __init__(
        self, compiled: CompiledSchema, rng: random.Random, budget: Budget, ample_depth: int
    ) -> None:
        self._compiled = compiled
        self._rng = rng
        self._budget = budget
        self._ample_depth = ample_depth

    def value(self, schemas: Sequence[Schema], depth: int = 0) -> Json:
        """A value that the schemas admit together. Raises NoValue if none was found."""
        if depth > MAX_DEPTH:
            raise NoValue(f"values nest deeper than {MAX_DEPTH} levels")
        reason = NoValue("nothing was drawn")
        for attempt in range(_TRIES):
            self._budget.spend()
            conjunction = Conjunction()
            try:
                for schema in schemas:
                    self._expand(schema, conjunction, depth)
                return self._draw(conjunction, depth, attempt)
            except NoValue as error:
                reason = error
                if conjunction.typed and not any("anyOf" in part for part in conjunction.parts):
                    break
        raise reason

    def _expand(
        self, schema: Schema, into: Conjunction, depth: int, trail: tuple[int, ...] = ()
    ) -> None:
        """Add the schema and all that it refers to; of each choice, one branch that fits."""
        self._budget.spend()
        if schema is False:
            raise NoValue("false admits nothing")
        if not isinstance(schema, dict) or id(schema) in trail:
            return
        trail = (*trail, id(schema))
        into.add(schema)
        for branch in self._compiled.along(schema):
            self._expand(branch, into, depth, trail)
        for keyword in ("anyOf", "oneOf"):
            if branches := listing(schema, keyword):
                choices: list[tuple[Schema, ...]]
                choices = [(branch,) for branch in self._ordered(branches, depth)]
                self._choose(choices, into, depth, trail)
        if "if" in schema:
            choices = [(schema["if"], schema.get("then", True)), (schema.get("else", True),)]
            self._rng.shuffle(choices)
            self._choose(choices, into, depth, trail)

    def _choose(
        self,
        choices: Sequence[tuple[Schema, ...]],
        into: Conjunction,
        depth: int,
        trail: tuple[int, ...],
    ) -> None:
        reason = NoValue("there is no branch to choose")
        for choice in choices:
            parts, kinds = list(into.parts), into.kinds
            try:
                for schema in choice:
                    self._expand(schema, into, depth, trail)
                return
            except NoValue as error:
                reason = error
                into.parts, into.kinds = parts, kinds
        raise reason

    def _ordered(self, branches: Sequence[Schema], depth: int) -> list[Schema]:
        """In random order; deep down the shallowest first."""
        order = list(branches)
        self._rng.shuffle(order)
        if not self._ample(depth):
            order.sort(key=self._compiled.height)
        return order

    def _ample(self, depth: int) -> bool:
        return depth < self._ample_depth

    def _draw(self, conjunction: Conjunction, depth: int, attempt: int) -> Json:
        rng = self._rng
        values = conjunction.enumerated()
        if values is None and self._ample(depth):
            values = [value for part in conjunction.parts for value in listing(part, "examples")]
            values = values or None
        if values is not None:
            if not values:
                raise NoValue("no value of enum or const fits the rest of the schema")
            value = rng.choice(values)
            self._budget.spend(0, chars=len(spelled(value)))
            return deepcopy(value)
        kinds = conjunction.likely_kinds()
        if attempt and not conjunction.typed:
            kinds = [kind for kind in KINDS if kind in conjunction.kinds]
        if len(kinds) > 1 and not self._ample(depth):
            kinds = [kind for kind in kinds if kind not in ("array", "object")] or kinds
        kind = rng.choice(kinds)
        if kind == "object":
            return self._object(conjunction, depth, attempt)
        if kind == "array":
            return self._array(conjunction, depth, attempt)
        if kind == "string":
            return text(conjunction, rng, self._budget, self._compiled.matches)
        if kind == "boolean":
            return rng.random() < 0.5
        return None if kind == "null" else number(conjunction, rng, kind == "integer")

    def _object(self, conjunction: Conjunction, depth: int, attempt: int) -> dict[str, Json]:
        """The required members and most optional ones, in the order of `properties`."""
        share = 0.7 if attempt == 0 else self._rng.choice((0.0, 0.3, 1.0))
        if not self._ample(depth):
            share = 0.0
        least, most = conjunction.window("minProperties", "maxProperties", MAX_ITEMS)
        known = conjunction.names("properties")
        forced = {name: None for names in conjunction.values("required") for name in names}
        wanted = dict(forced)
        for name in known:
            if name not in wanted and len(wanted) < most and self._rng.random() < share:
                wanted[name] = None
        members: dict[str, Json] = {}
        for name in dict.fromkeys((*(name for name in known if name in wanted), *wanted)):
            schemas = self._of_member(conjunction, name)
            try:
                members[name] = self.value(schemas, depth + 1)
            except NoValue as error:
                if name in forced:
                    raise error.below(name) from None
        enough = least
        rules = conjunction.values("additionalProperties")
        if share and not known and any(isinstance(rule, dict) for rule in rules):
            enough = min(most, max(least, 2))
        self._add_members(members, conjunction, depth, least, enough, known)
        return members

    def _of_member(self, conjunction: Conjunction, name: str) -> list[Schema]:
        return conjunction.of_member(name, self._compiled.matches, self._budget)

    def _add_members(
        self,
        members: dict[str, Json],
        conjunction: Conjunction,
        depth: int,
        least: int,
        enough: int,
        known: Sequence[str],
    ) -> None:
        """Members of new names until there are enough. Raises NoValue below `least`."""
        reason = NoValue("no further name is allowed")
        for attempt in range(10 + 10 * enough):
            if len(members) >= enough:
                return
            try:
                name = self._new_name(conjunction, attempt, known)
                schemas = self._of_member(conjunction, name)
                if name not in members:
                    members[name] = self.value(schemas, depth + 1)
            except NoValue as error:
                reason = error
        if len(members) < least:
            found = f"{len(members)} were found: {reason.reason}"
            raise NoValue(f"minProperties is {least}, and {found}")

    def _new_name(self, conjunction: Conjunction, attempt: int, known: Sequence[str]) -> str:
        """A name that may be new: from the rules for names, the patterns, or a word."""
        rules = list(conjunction.values("propertyNames"))
        if rules:
            return str(self.value([{"type": "string"}, *rules], MAX_DEPTH))
        patterns = conjunction.names("patternProperties")
        if patterns and attempt % 2 == 0:
            return string_from(self._rng.choice(patterns), self._rng, self._budget, attempt // 2)
        if known and attempt % 3 == 0:
            return self._rng.choice(known)
        return word(self._rng) if attempt < 50 else f"{word(self._rng)}_{attempt}"

    def _array(self, conjunction: Conjunction, depth: int, attempt: int) -> list[Json]:
        """A fixed start's items, or one to three where their number is left open."""
        least, most = conjunction.window("minItems", "maxItems", MAX_ITEMS)
        count = least
        if self._ample(depth):
            fixed = conjunction.fixed_items
            usual = self._rng.randint(0, 3) if attempt else fixed or self._rng.randint(1, 3)
            count = max(least, min(most, usual))
        unique = any(value is True for value in conjunction.values("uniqueItems"))
        items: list[Json] = []
        seen: set[str] = set()
        for _ in range(count * (30 if unique else 1) + 60):
            index = len(items)
            if index == count:
                break
            self._budget.spend(len(conjunction.parts) // 16)
            try:
                item = self.value(conjunction.of_item(index), depth + 1)
            except NoValue as error:
                if index < least:
                    raise error.below(index) from None
                break
            if unique:
                key = spelled(item)
                if key in seen:
                    continue
                seen.add(key)
            items.append(item)
        if len(items) < least:
            raise NoValue(f"{least} different items are asked for, and {len(items)} were found")
        return items
