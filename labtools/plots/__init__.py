"""Records in, figures out."""

from labtools.plots.canvas import LabFigure
from labtools.plots.coding_agent import backends, overlaps, savings, steps_over_time
from labtools.plots.compounding import (
    chain_ends,
    few_or_many,
    steps_that_fit,
    success_by_tries,
)
from labtools.plots.engine import held_against_engine, steps_by_context, ttft_cold_and_warm
from labtools.plots.model_size import (
    call_by_clients,
    decode_bounds,
    faster_by_load_and_length,
    ttft_against_rate,
)
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
from labtools.plots.providers import (
    chain_by_provider,
    chain_parts,
    cold_and_again,
    found_differences,
    stall_seen,
    ttft_by_provider,
)
from labtools.plots.routing import cascade_latency, delivered, routed_shares, router_seconds
from labtools.plots.structured_output import percentiles_of_calls, schema_cost
from labtools.plots.timeline import timeline

__all__ = [
    "LabFigure",
    "amdahl",
    "backends",
    "cached_against_shared",
    "call_anatomy",
    "call_by_clients",
    "candidates_in_turn_or_at_once",
    "cascade_latency",
    "ceiling",
    "chain_by_provider",
    "chain_ends",
    "chain_parts",
    "chance_of_a_slow_call",
    "cold_and_again",
    "decode_bounds",
    "delivered",
    "faster_by_load_and_length",
    "few_or_many",
    "found_differences",
    "held_against_engine",
    "inference_shares",
    "jitter_speedup",
    "overlaps",
    "percentiles_of_calls",
    "race",
    "requests_sent",
    "reuse_by_call",
    "reused_tokens",
    "routed_shares",
    "router_seconds",
    "savings",
    "schema_cost",
    "side_by_side",
    "speed_by_concurrency",
    "stall_seen",
    "steps_by_context",
    "steps_over_time",
    "steps_that_fit",
    "success_by_tries",
    "tails",
    "timeline",
    "ttft_against_rate",
    "ttft_by_call",
    "ttft_by_context",
    "ttft_by_provider",
    "ttft_cold_and_warm",
    "ttft_share",
    "ttft_share_by_context",
    "wall_clock",
]
