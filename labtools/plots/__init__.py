"""Records in, figures out."""

from labtools.plots.canvas import LabFigure
from labtools.plots.multiplier import (
    amdahl,
    call_anatomy,
    chance_of_a_slow_call,
    inference_shares,
    race,
    ttft_share,
)
from labtools.plots.parallel_calls import (
    candidates_in_turn_or_at_once,
    jitter_speedup,
    requests_sent,
    side_by_side,
    tails,
    wall_clock,
)
from labtools.plots.prefix_caching import (
    cached_against_shared,
    ceiling,
    reuse_by_call,
    reused_tokens,
    ttft_by_call,
    ttft_share_by_context,
)
from labtools.plots.profiles import speed_by_concurrency, ttft_by_context
from labtools.plots.routing import cascade_latency, delivered, routed_shares, router_seconds
from labtools.plots.timeline import timeline

__all__ = [
    "LabFigure",
    "amdahl",
    "cached_against_shared",
    "call_anatomy",
    "candidates_in_turn_or_at_once",
    "cascade_latency",
    "ceiling",
    "chance_of_a_slow_call",
    "delivered",
    "inference_shares",
    "jitter_speedup",
    "race",
    "requests_sent",
    "reuse_by_call",
    "reused_tokens",
    "routed_shares",
    "router_seconds",
    "side_by_side",
    "speed_by_concurrency",
    "tails",
    "timeline",
    "ttft_by_call",
    "ttft_by_context",
    "ttft_share",
    "ttft_share_by_context",
    "wall_clock",
]
