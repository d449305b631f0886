"""What happens to a call when others are under way: a closed loop and an open one.

A sequential agent is a closed loop: it sends its next call when the last has ended, so a slow
endpoint is asked less. Users who arrive are an open loop: they come whether or not others have been
served, and a stall meets all of them. Only the open loop shows a queue that grows.
"""

from __future__ import annotations

import random

from labtools.evaluation.labels import AxisName, Label
from labtools.evaluation.plan import Block, Call
from labtools.evaluation.prompts import fresh
from labtools.evaluation.settings import Settings

INPUT_TOKENS = 1_000


def blocks(settings: Settings, limit: str) -> list[Block]:
    """A block for each number of clients, and one of arrivals at random."""
    closed = [_clients(settings, limit, clients) for clients in settings.concurrency]
    return [*closed, *_arrivals(settings, limit)]


def warm_up(settings: Settings, limit: str) -> list[Block]:
    """As many short calls at once as the largest crowd: each opens a connection."""
    lanes = tuple(
        (
            Call(
                Label.WARM_UP, {"messages": fresh(200, f"{settings.seed}/warm_up/{lane}"), limit: 2}
            ),
        )
        for lane in range(max(settings.concurrency, default=1))
    )
    return [Block("warm_up/connections", AxisName.WARM_UP, lanes)]


def _clients(settings: Settings, limit: str, clients: int) -> Block:
    name = f"concurrency/{clients}"
    return Block(
        name,
        AxisName.CONCURRENCY,
        tuple(
            tuple(
                call(settings, limit, f"{name}/{client}/{number}", clients=clients)
                for number in range(settings.calls_per_client)
            )
            for client in range(clients)
        ),
    )


def _arrivals(settings: Settings, limit: str) -> list[Block]:
    if not settings.open_loop_calls:
        return []
    rng = random.Random(f"{settings.seed}/arrivals")
    rate = settings.request_rate_per_s
    lanes, arrives_at = [], 0.0
    for number in range(settings.open_loop_calls):
        seed = f"open_loop/{number}"
        lanes.append((call(settings, limit, seed, arrives_at, request_rate_per_s=rate),))
        arrives_at += rng.expovariate(rate)
    return [Block("open_loop", AxisName.OPEN_LOOP, tuple(lanes))]


def call(settings: Settings, limit: str, seed: str, wait_s: float = 0.0, **at: float) -> Call:
    """One call of any of these loops; it alone, without the plan, for a loop without an end."""
    messages = fresh(INPUT_TOKENS, f"{settings.seed}/{seed}")
    return Call(Label.CALL, {"messages": messages, limit: settings.output_tokens}, wait_s, at)
