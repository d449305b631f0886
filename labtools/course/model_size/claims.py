"""Claims about model size, the balance of TTFT and decode, and structured output."""

from __future__ import annotations

from labtools.course.ledger import Finding
from labtools.course.model_size.backends import SCHEMA_ENGINES, crossover_clients, slowdown
from labtools.model.closed_loop import closed_loop
from labtools.model.metrics import interval_coverage, samples_needed
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.published_profiles import BATCH_13B, LATENCY_70B
from labtools.model.roofline import ACCELERATORS, decode_bound_tokens_per_s

TOKENS = 80
NOTICEABLE = 0.1
"""A share of the inference below which nobody would call a cost significant."""


def large_beats_small(*, large: int, small: int) -> Finding:
    """The number of clients from which the smaller model's batch-tuned backend is faster."""
    named = f"{large}b" in LATENCY_70B.name and f"{small}b" in BATCH_13B.name
    flip = crossover_clients(LATENCY_70B, BATCH_13B, TOKENS)
    alone = {
        "large_s": LATENCY_70B.e2e_latency_s(TOKENS),
        "small_s": BATCH_13B.e2e_latency_s(TOKENS),
    }
    if flip is None:
        return Finding(alone, holds=named)
    return Finding({**alone, "flip": flip}, holds=False, holds_if=named and flip > 1)


def parameter_floor(*, large: int, small: int) -> Finding:
    """The most tokens per second of both sizes, as served and on the same accelerators."""
    a100, h100 = (ACCELERATORS[n].bandwidth_bytes_per_s for n in ("A100 80GB SXM", "H100 SXM"))
    small_bound = decode_bound_tokens_per_s(small * 1e9, 2, 1, a100)
    large_bound = decode_bound_tokens_per_s(large * 1e9, 1, 8, h100)
    small_same = decode_bound_tokens_per_s(small * 1e9, 1, 8, h100)
    values = {"small_bound": small_bound, "large_bound": large_bound, "small_same": small_same}
    return Finding(values, small_bound > large_bound, holds_if=small_same > large_bound)


def eighty_tokens(*, output_tokens: int) -> Finding:
    """TTFT's share of the call on the essay's two backends, and their break-even lengths."""
    slow = SLOW.ttft_s() / SLOW.e2e_latency_s(output_tokens)
    fast = FAST.ttft_s() / FAST.e2e_latency_s(output_tokens)
    even = {"slow_even": SLOW.break_even_tokens(), "fast_even": FAST.break_even_tokens()}
    return Finding({"slow_share": slow, "fast_share": fast, **even}, min(slow, fast) > 0.5)


def decode_only(*, output_tokens: int) -> Finding:
    """A call on the slow backend with one of its two figures brought to the fast one's."""
    start_s = SLOW.e2e_latency_s(output_tokens)
    faster = SLOW.but(decode_tokens_per_s=FAST.decode_tokens_per_s)
    sooner = FAST.but(decode_tokens_per_s=SLOW.decode_tokens_per_s)
    decode_saves_s = start_s - faster.e2e_latency_s(output_tokens)
    ttft_saves_s = start_s - sooner.e2e_latency_s(output_tokens)
    values = {"start_s": start_s, "decode_saves_s": decode_saves_s, "ttft_saves_s": ttft_saves_s}
    return Finding(values, ttft_saves_s > decode_saves_s)


def structured_output(*, worst: float) -> Finding:
    """MaskBench's engines on the fast backend, if nothing is worked out side by side."""
    times = {name: slowdown(engine, FAST) for name, engine in SCHEMA_ENGINES.items()}
    quick = {n: e for n, e in SCHEMA_ENGINES.items() if e.mask_mean_s <= FAST.step_s()}
    values = {
        "least": min(times.values()),
        "most": max(times.values()),
        "most_quick": max(times[name] for name in quick),
        "compile_s": max(engine.compile_p50_s for engine in SCHEMA_ENGINES.values()),
    }
    return Finding(values, values["most"] <= worst, holds_if=values["most_quick"] <= worst)


def fifteen_tool_calls(*, calls: int, worst: float) -> Finding:
    """What the worst factor adds to one call, and to all of them."""
    bound = FAST.but(structured_factor=worst)
    plain_s = FAST.e2e_latency_s(TOKENS)
    added_s = bound.e2e_latency_s(TOKENS, structured=True) - plain_s
    all_plain_s, all_bound_s = calls * plain_s, calls * (plain_s + added_s)
    grows_faster_than_the_calls = all_bound_s - all_plain_s > calls * added_s * 1.001
    values = {"plain_s": all_plain_s, "bound_s": all_bound_s, "added_s": added_s}
    return Finding(
        values,
        grows_faster_than_the_calls,
        holds_if=(all_bound_s - all_plain_s) / all_bound_s > NOTICEABLE,
    )


def low_batch(*, batch: int) -> Finding:
    """Tokens per second of all clients together in a crowd, and the latency of a lone call."""
    crowd = 8 * batch
    all_13b, all_70b = (
        crowd * closed_loop(profile, crowd, TOKENS).tokens_per_s
        for profile in (BATCH_13B, LATENCY_70B)
    )
    alone_13b_s, alone_70b_s = (p.e2e_latency_s(TOKENS) for p in (BATCH_13B, LATENCY_70B))
    values = {
        "crowd": crowd,
        "all_13b": all_13b,
        "all_70b": all_70b,
        "alone_13b_s": alone_13b_s,
        "alone_70b_s": alone_70b_s,
    }
    return Finding(values, all_13b > all_70b and alone_13b_s > alone_70b_s)


def fifty_calls(*, calls: int) -> Finding:
    """Whether so many calls bound a p50 and a p95 at all, with 95% confidence."""
    values = {
        "p50_needs": samples_needed(0.5),
        "p95_needs": samples_needed(0.95),
        "p95_best": interval_coverage(calls, 0.95, 1, calls),
    }
    p50, p95 = (values[name] <= calls for name in ("p50_needs", "p95_needs"))
    return Finding(values, p50 and p95, holds_if=p50)
