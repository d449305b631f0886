"""JSON values that a JSON schema admits: what the mock answers when it is asked for one.

Small values of plain words, drawn from a random generator and nothing else: the same schema and
the same state of the generator give the same value on every machine. Every value is verified by
a validator before it is returned.
"""

from __future__ import annotations

import random

from labtools.errors import UnusableSchema
from labtools.mock.schema.compiled import compile_schema
from labtools.mock.schema.conjunction import Json, Schema
from labtools.mock.schema.draw import Draw
from labtools.mock.schema.limits import MAX_STEPS, Budget, Exhausted, NoValue

# (check each uncertain place, levels with optional members). The first nearly always does.
_WAYS = ((False, 3), (False, 0), (True, 3), (True, 0))


def value_for(schema: Schema, rng: random.Random) -> Json:
    """A value that validates against the schema.

    Draft 2020-12, or what `$schema` names (draft 4, 6, 7 or 2019-09). `format` is followed where
    it is a known one, `examples` are used. References must stay within the schema: nothing is
    fetched. Raises UnusableSchema when the schema is not valid, when no value was found, and when
    it would take too long or grow too large: the search is bounded in steps, so that a hostile
    schema fails within a second.
    """
    compiled = compile_schema(schema)
    reason = ""
    for careful, ample_depth in _WAYS:
        budget = Budget()
        draw = Draw(compiled, rng, budget, careful=careful, ample_depth=ample_depth)
        try:
            value = draw.value([compiled.root])
            if compiled.accepts(value, budget):
                return value
            reason = compiled.complaint(value)
        except NoValue as error:
            reason = str(error)
        except Exhausted:
            reason = f"the search ended after {MAX_STEPS} steps"
            if ample_depth == 0:
                break
        except RecursionError:
            reason = "its parts are nested too deeply"
    raise UnusableSchema(
        f"No value was found that the JSON schema admits: {reason}. Loosen the parts of the "
        "schema that exclude each other, or ask for less."
    )
