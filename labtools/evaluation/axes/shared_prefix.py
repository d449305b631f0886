"""The shared prefix: whether several calls at once can all go on from one kept prefix.

One prompt makes it known, then four go on from it together, and then four again. A cache that all
requests share helps each of them; where a prefix belongs to the slot that computed it, one call of
the first four finds it, and all of the next four do, each in a slot of its own.
"""

from __future__ import annotations

import random

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.axes.axis import Axis
from labtools.evaluation.plan import ASK_TO_ACT, AxisName, Block, Call, Label, conversation
from labtools.evaluation.settings import Settings
from labtools.model.tokens import filler

TOGETHER = 4
WAVES = (Label.FIRST_WAVE, Label.SECOND_WAVE)
OUTPUT_TOKENS = 8


def _blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    runs = range(settings.shared_prefix_runs)
    return [_four_at_once(settings, abilities.limit, run) for run in runs]


def _four_at_once(settings: Settings, limit: str, run: int) -> Block:
    name = f"shared_prefix/{run}"
    prefix = filler(settings.prefix_tokens, random.Random(f"{settings.seed}/{name}"))

    def call(label: Label, ending: str, together: bool) -> Call:
        messages = conversation(prefix, f"{ending} {ASK_TO_ACT}")
        return Call(label, {"messages": messages, limit: OUTPUT_TOKENS}, together=together)

    lanes = [
        tuple(call(wave, f"{wave} {lane}.", True) for wave in WAVES) for lane in range(TOGETHER)
    ]
    return Block(
        name, AxisName.SHARED_PREFIX, ((call(Label.KNOWN, "", False), *lanes[0]), *lanes[1:])
    )


# What it says is the fit's: whether the profile's cache belongs to a slot.
SHARED_PREFIX = Axis(blocks=_blocks)
