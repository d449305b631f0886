"""How much work and how large a value one schema may cost, and what stops it.

Work is counted in steps, never in seconds, so that the same schema ends the same way everywhere.
"""

from __future__ import annotations

MAX_SCHEMA_CHARS = 250_000
MAX_STRING_CHARS = 100_000
MAX_ITEMS = 5_000
MAX_DEPTH = 40
MAX_STEPS = 40_000
CHARS_PER_STEP = 64
PATTERN_ITEMS_PER_STEP = 4
# Visits of a subschema during one validation. A visit takes some 20 ns.
MAX_VISITS = 2_000_000


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

    def spend(self, steps: int = 1) -> None:
        """Take `steps`. Raises Exhausted when there are no more."""
        self.left -= steps
        if self.left < 0:
            raise Exhausted
