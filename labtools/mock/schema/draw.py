"""Draws one value for a compiled schema.

A place in the value is governed by a list of subschemas. They are expanded into a conjunction:
references followed, one branch taken of each choice. Then a value is drawn that the parts allow.
What a conjunction cannot express (`not`, `oneOf`, `contains` ...) is left to chance first; a
careful draw checks each such place against the schema and tries again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from copy import deepcopy

from labtools.mock.schema.arrays import draw_array
from labtools.mock.schema.compiled import CompiledSchema
from labtools.mock.schema.conjunction import KINDS, Conjunction, Json, Schema, listing
from labtools.mock.schema.limits import CHARS_PER_STEP, MAX_DEPTH, Budget, NoValue
from labtools.mock.schema.objects import draw_object
from labtools.mock.schema.references import REFERENCES
from labtools.mock.schema.scalars import number, text

_TRIES = 3
_CAREFUL_TRIES = 24


class Draw:
    """One attempt at a value. `ample_depth` is how deep it adds what the schema leaves open."""

    def __init__(
        self,
        compiled: CompiledSchema,
        rng: random.Random,
        budget: Budget,
        *,
        careful: bool,
        ample_depth: int,
    ) -> None:
        self.compiled = compiled
        self.rng = rng
        self.budget = budget
        self.careful = careful
        self._ample_depth = ample_depth

    def value(self, schemas: Sequence[Schema], depth: int = 0) -> Json:
        """A value that the schemas admit together. Raises NoValue if none was found."""
        if depth > MAX_DEPTH:
            raise NoValue(f"values nest deeper than {MAX_DEPTH} levels")
        reason = NoValue("every value drawn broke another part of the schema")
        for attempt in range(_CAREFUL_TRIES if self.careful else _TRIES):
            self.budget.spend()
            conjunction = Conjunction()
            try:
                for schema in schemas:
                    self.expand(schema, conjunction, depth)
                value = self._draw(conjunction, depth, attempt)
            except NoValue as error:
                reason = error
                if not conjunction.uncertain and conjunction.typed:
                    break
                continue
            if not (self.careful and conjunction.uncertain) or self._accepted(schemas, value):
                return value
        raise reason

    def _accepted(self, schemas: Sequence[Schema], value: Json) -> bool:
        compiled, budget = self.compiled, self.budget
        return all(compiled.accepts_at(schema, value, budget) for schema in schemas)

    def expand(
        self, schema: Schema, into: Conjunction, depth: int, trail: tuple[int, ...] = ()
    ) -> None:
        """Add the schema and all that it refers to; of each choice, one branch that fits."""
        self.budget.spend()
        if schema is False:
            raise NoValue("false admits nothing")
        if not isinstance(schema, dict) or id(schema) in trail:
            return
        trail = (*trail, id(schema))
        into.add(schema)
        for keyword in REFERENCES:
            if isinstance(schema.get(keyword), str):
                self.expand(self.compiled.resolve(schema, schema[keyword]), into, depth, trail)
        for branch in listing(schema, "allOf"):
            self.expand(branch, into, depth, trail)
        for keyword in ("anyOf", "oneOf"):
            if branches := listing(schema, keyword):
                choices: list[tuple[Schema, ...]]
                choices = [(branch,) for branch in self._ordered(branches, depth)]
                self._choose(choices, into, depth, trail)
        if "if" in schema:
            choices = [(schema["if"], schema.get("then", True)), (schema.get("else", True),)]
            self.rng.shuffle(choices)
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
            mark = into.mark()
            try:
                for schema in choice:
                    self.expand(schema, into, depth, trail)
                return
            except NoValue as error:
                reason = error
                into.undo(mark)
        raise reason

    def _ordered(self, branches: Sequence[Schema], depth: int) -> list[Schema]:
        """In random order; deep down the shallowest first, and what may never end always last."""
        order = list(branches)
        self.rng.shuffle(order)
        if not self.ample(depth):
            order.sort(key=self.compiled.height)
        elif self.compiled.has_references:
            order.sort(key=lambda branch: self.compiled.height(branch) == float("inf"))
        return order

    def ample(self, depth: int) -> bool:
        """Whether to add what the schema leaves open, at this depth."""
        return depth < self._ample_depth

    def endless(self, schemas: Sequence[Schema]) -> bool:
        """Whether a value of these schemas may never end."""
        return self.compiled.has_references and any(
            self.compiled.height(schema) == float("inf") for schema in schemas
        )

    def _draw(self, conjunction: Conjunction, depth: int, attempt: int) -> Json:
        rng = self.rng
        values = conjunction.enumerated()
        if values is not None:
            return self._copied(self._listed(conjunction, values))
        if not self.careful and self.ample(depth):
            examples = [value for part in conjunction.parts for value in listing(part, "examples")]
            if examples:
                conjunction.uncertain = True
                return self._copied(rng.choice(examples))
        kinds = conjunction.likely_kinds()
        if attempt and (conjunction.uncertain or not conjunction.typed):
            kinds = [kind for kind in KINDS if kind in conjunction.kinds]
        if len(kinds) > 1 and not self.ample(depth):
            kinds = [kind for kind in kinds if kind not in ("array", "object")] or kinds
        kind = rng.choice(kinds)
        if kind == "object":
            return draw_object(self, conjunction, depth, attempt)
        if kind == "array":
            return draw_array(self, conjunction, depth, attempt)
        if kind == "string":
            return text(conjunction, rng, self.budget, self.compiled.matches)
        if kind == "boolean":
            return rng.random() < 0.5
        return None if kind == "null" else number(conjunction, rng, kind == "integer")

    def _copied(self, value: Json) -> Json:
        self.budget.spend(len(json.dumps(value)) // CHARS_PER_STEP)
        return deepcopy(value)

    def _listed(self, conjunction: Conjunction, values: list[Json]) -> Json:
        if not self.careful and values:
            return self.rng.choice(values)
        self.rng.shuffle(values)
        for value in values:
            if self._accepted(conjunction.parts, value):
                return value
        raise NoValue("no value of enum or const fits the rest of the schema")
