"""The axes of an evaluation, a module each, and the one list of them.

A new axis is a module here, its entry in `AXES`, and its names in `plan`; if a report is to say
something of it, also its fields in `Report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from labtools.evaluation import abilities
from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import Axis
from labtools.evaluation.axes.chain import CHAIN
from labtools.evaluation.axes.context import CONTEXT
from labtools.evaluation.axes.interference import INTERFERENCE
from labtools.evaluation.axes.load import LOAD
from labtools.evaluation.axes.prefix import PREFIX
from labtools.evaluation.axes.shared_prefix import SHARED_PREFIX
from labtools.evaluation.axes.structured import STRUCTURED
from labtools.evaluation.plan import Block
from labtools.evaluation.settings import Settings

AXES: Sequence[Axis] = (CHAIN, CONTEXT, LOAD, INTERFERENCE, PREFIX, SHARED_PREFIX, STRUCTURED)
"""In the order in which a report tells of them."""


@lru_cache(maxsize=4)  # it holds a million tokens of prompts, and is looked at at every turn
def plan(settings: Settings, able: Abilities) -> tuple[Block, ...]:
    """All that an evaluation measures at an endpoint that can do this much."""
    return tuple(block for axis in AXES for block in axis.blocks(settings, able))


def warm_up(settings: Settings, able: Abilities) -> list[Block]:
    """What is sent before anything counts: connections, and each schema's first use."""
    return [block for axis in AXES for block in axis.warm_up(settings, able)]


def everything(settings: Settings) -> list[Block]:
    """At an endpoint that lacks nothing, what it can do to find out included: the most it costs."""
    able = Abilities.all("max_tokens")
    return [*abilities.blocks(settings.seed), *warm_up(settings, able), *plan(settings, able)]
