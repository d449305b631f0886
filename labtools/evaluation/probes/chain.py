"""A chain of calls as an agent makes it: each step's prompt is the last one's and a little more.

The steps' tool calls and results are written beforehand, so every endpoint reads the same tokens
whatever it answers, and each prompt begins with the whole of the one before.
"""

from __future__ import annotations

import json
import random
from typing import Any

from labtools.evaluation.abilities import Abilities
from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.plan import Block, Call, single
from labtools.evaluation.prompts import ASK_TO_ACT, FUNCTIONS, SYSTEM, tools
from labtools.evaluation.settings import Settings
from labtools.model.tokens import filler

ANSWER_LIMIT = 256
# What a step's messages hold besides the result: roles, ids, arguments.
_FRAME_TOKENS = 45


def blocks(settings: Settings, abilities: Abilities) -> list[Block]:
    """`chain_runs` chains of `chain_steps` steps."""
    if not settings.chain_steps:
        return []
    return [_chain(settings, abilities, number) for number in range(settings.chain_runs)]


def _chain(settings: Settings, abilities: Abilities, number: int) -> Block:
    name = f"chain/{number}"
    rng = random.Random(f"{settings.seed}/{name}")
    known = tools(*FUNCTIONS) if abilities.tools else []
    frame = len(json.dumps(known, separators=(",", ":"))) // 4
    own_tokens = max(1, settings.chain_tokens - frame)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": filler(own_tokens, rng) + SYSTEM},
        {"role": "user", "content": ASK_TO_ACT},
    ]
    calls = []
    for step in range(settings.chain_steps):
        request: dict[str, Any] = {"messages": list(messages), abilities.limit: ANSWER_LIMIT}
        if known:
            request |= {"tools": known, "tool_choice": "required"}
        else:
            request[abilities.limit] = settings.output_tokens
        calls.append(Call(Label.STEP, request, at={"step": step + 1}))
        messages += _step_taken(rng, step, settings, bool(known))
    return single(name, AxisName.CHAIN, *calls)


def _step_taken(
    rng: random.Random, step: int, settings: Settings, as_tool: bool
) -> list[dict[str, Any]]:
    result = filler(max(1, settings.chain_growth_tokens - _FRAME_TOKENS), rng)
    if not as_tool:
        return [
            {"role": "assistant", "content": "Read it."},
            {"role": "user", "content": f"{result}{ASK_TO_ACT}"},
        ]
    arguments = json.dumps({"path": f"src/part_{step}.py", "first_line": 1, "last_line": 40})
    function = {"name": "read_file", "arguments": arguments}
    return [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": f"call_{step}", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": f"call_{step}", "content": result},
    ]
