"""JSON values that a JSON schema admits: what the mock answers when it is asked for one.

Small values of plain words, drawn from a random generator and nothing else: the same schema and
the same state of the generator give the same value on every machine. Every value is verified by
a validator before it is returned.
"""

from __future__ import annotations

import random

from labtools.errors import UnusableSchema
from labtools.mock.schema.compiled import compile_schema
from labtools.mock.schema.conjunction import (
    CHARS_PER_STEP,
    Budget,
    Exhausted,
    Json,
    NoValue,
    Schema,
)
from labtools.mock.schema.draw import Draw

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
