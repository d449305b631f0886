"""One module an axis: the settings in, the blocks of calls out. Nothing here sends anything."""

from __future__ import annotations

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.plan import Block
from labtools.evaluation.probes import (
    chain,
    context,
    interference,
    load,
    prefix,
    shared_prefix,
    structured,
)
from labtools.evaluation.settings import Settings


def plan(settings: Settings, abilities: Abilities) -> list[Block]:
    """All that an evaluation measures at an endpoint that can do this much."""
    limit = abilities.limit
    return [
        *context.blocks(settings, limit),
        *load.blocks(settings, limit),
        *interference.blocks(settings, limit),
        *prefix.blocks(settings, limit),
        *shared_prefix.blocks(settings, limit),
        *structured.blocks(settings, abilities),
        *chain.blocks(settings, abilities),
    ]


def warm_up(settings: Settings, abilities: Abilities) -> list[Block]:
    """What is sent before anything counts: connections, and each schema's first use."""
    return [*load.warm_up(settings, abilities.limit), *structured.warm_up(abilities)]


def everything(settings: Settings) -> list[Block]:
    """Plan and warm-up at an endpoint that lacks nothing: what an evaluation costs at most."""
    abilities = Abilities.all("max_tokens")
    return [*warm_up(settings, abilities), *plan(settings, abilities)]
