"""The checks on evaluating a provider: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

from labtools.course.ledger import Finding
from labtools.course.verdict import (
    Verdict,
    check,
    close,
    expect,
    list_from,
    not_yet,
    number_from,
    right,
)
from labtools.model.closed_loop import LARCH, PROVIDERS
from labtools.model.metrics import (
    PercentileInterval,
    interval_coverage,
    percentile,
    percentile_interval,
    samples_needed,
)
from labtools.model.profile import LatencyProfile

Times = Mapping[str, float | None]

# What an agent does: calls, input tokens, new tokens a call, output tokens.
AGENTS = {
    "20 calls on 5,000 tokens": (20, 5_000, 392, 17),
    "33 calls on 48,000 tokens": (33, 48_000, 2_176, 214),
    "one report of 4,000 tokens": (1, 1_000, 1_000, 4_000),
}


@check
def check_calls_needed(calls_needed: Callable[[float], int]) -> Verdict:
    """`calls_needed(q)` is the fewest calls whose extremes enclose percentile q with 95%."""
    for q in (0.95, 0.5, 0.9, 0.99):
        found = number_from(calls_needed, q)
        expected = samples_needed(q)
        above = math.log(0.05) / math.log(q)  # how many until one lies above, with 95%
        expect(
            found,
            expected,
            f"p{100 * q:g}: you say {found:g} calls",
            (50, f", whose extremes enclose it with {_reached(50, q):.1%}, not 95%."),
            (above, ". Calls are whole: round up, then see whether it is enough."),
            (math.ceil(above), ". Count both ends: all calls may also lie above it."),
            (1 / (1 - q), ". So many hold one call above it on average, often none."),
            (expected - 1, f". One too few: they reach {_reached(int(found), q):.2%}."),
            otherwise=". Fewer are enough: stop at the first number that reaches 95%."
            if found > expected
            else f". They enclose it with {_reached(int(found), q):.1%}, not 95%.",
        )
    return right(
        f"{samples_needed(0.5)} calls for p50, {samples_needed(0.95)} for p95, "
        f"{samples_needed(0.99)} for p99. To tell two endpoints apart takes more."
    )


@check
def check_paired_difference(
    paired_difference: Callable[[Times, Times], tuple[float, float, float]],
) -> Verdict:
    """`paired_difference(first, second)` is (low, median, high) of second less first."""
    rng = random.Random(7)
    first: dict[str, float | None] = {
        f"call {number}": rng.lognormvariate(0, 0.8) for number in range(40)
    }
    # Later in every call, and without an answer to the longest, which makes its median shorter.
    by_length = sorted(first, key=lambda name: first[name] or 0.0)
    second: dict[str, float | None] = {
        name: None if name in by_length[-10:] else (first[name] or 0.0) + rng.uniform(0.1, 0.3)
        for name in by_length
    }
    first[by_length[3]] = None
    found = tuple(list_from(paired_difference, first, second))
    if len(found) != 3 or not all(isinstance(value, int | float) for value in found):
        not_yet(f"paired_difference returned {found!r}; it should be (low, median, high).")
    return _judged((found[0], found[1], found[2]), first, second)


@check
def check_agent_s(agent_s: Callable[..., float]) -> Verdict:
    """`agent_s(profile, calls, input_tokens, new_tokens, output_tokens)` is the agent's wait."""
    chosen: dict[str, str] = {}
    for agent, mix in AGENTS.items():
        seconds: dict[str, float] = {}
        for profile in PROVIDERS:
            found = number_from(agent_s, profile, *mix)
            truth = _agent_s(profile, *mix)
            said = f"{agent} on {profile.name}: you say {found:.2f} s, it takes {truth:.2f} s."
            expect(found, truth, said, *_mistakes(profile, *mix), otherwise="")
            seconds[profile.name] = found
        fastest = min(seconds, key=lambda name: seconds[name])
        slowest = max(seconds, key=lambda name: seconds[name])
        chosen[agent] = f"{fastest} for {agent} ({seconds[fastest]:.1f} s; {slowest} " + (
            f"{seconds[slowest]:.1f} s)"
        )
    return right(f"{'; '.join(chosen.values())}. There is no fastest provider without an agent.")


def _reached(calls: int, q: float) -> float:
    return 1 - q**calls - (1 - q) ** calls if calls > 0 else 0.0


def _judged(found: tuple[float, float, float], first: Times, second: Times) -> Verdict:
    low, middle, high = found
    differences_s = [
        later - sooner
        for name, sooner in first.items()
        if sooner is not None and (later := second[name]) is not None
    ]
    bounds = percentile_interval(differences_s, 0.5)
    assert isinstance(bounds, PercentileInterval)
    truth = percentile(differences_s, 0.5)
    if all(map(close, found, (bounds.low, truth, bounds.high))):
        return right(
            f"{truth:.3f} s ({bounds.low:.3f} to {bounds.high:.3f}) from {len(differences_s)} "
            "pairs: the calls differ far more from each other than the endpoints do."
        )
    here, there = _answered(first), _answered(second)
    by_place = [b - a for a, b in zip(first.values(), second.values(), strict=True) if a and b]
    as_zero = [(second[name] or 0.0) - (first[name] or 0.0) for name in first]
    expect(
        middle,
        truth,
        f"You say {middle:.3f} s, the pairs say {truth:.3f} s.",
        (
            percentile(there, 0.5) - percentile(here, 0.5),
            " These are medians of different calls: the second endpoint failed on the longest.",
        ),
        (
            percentile(by_place, 0.5),
            " Pair the calls by name; the second endpoint's order is another.",
        ),
        (
            percentile(as_zero, 0.5),
            " A failed call has no time, not a time of 0: leave its pair out.",
        ),
        otherwise=" Take the second less the first: above 0, the second is slower."
        if middle < 0
        else "",
    )
    not_yet(
        f"The median is right, the interval is not: {low:.3f} to {high:.3f}, expected "
        f"{bounds.low:.3f} to {bounds.high:.3f}. Take percentile_interval of the differences."
    )


def _answered(times: Times) -> list[float]:
    return [seconds for seconds in times.values() if seconds is not None]


def _agent_s(
    profile: LatencyProfile, calls: int, input_tokens: int, new_tokens: int, output_tokens: int
) -> float:
    kept = input_tokens - new_tokens if profile.prefix_cache else 0
    first_s = profile.e2e_latency_s(output_tokens, input_tokens, new_schema=True, structured=True)
    later_s = profile.e2e_latency_s(output_tokens, input_tokens, kept, structured=True)
    return first_s + (calls - 1) * later_s


def _mistakes(profile: LatencyProfile, *mix: int) -> list[tuple[float, str]]:
    """What a function gives that leaves something out or counts it too often."""
    calls, input_tokens, new_tokens, output_tokens = mix
    truth = _agent_s(profile, *mix)
    cached, uncached = (profile.but(prefix_cache=c) for c in (LARCH.prefix_cache, None))
    added_s = profile.prefill_s(input_tokens) - profile.prefill_s(new_tokens)
    compiling_s = profile.schema_compile_s
    return [
        (calls * output_tokens / profile.decode_tokens_per_s, " Only decoding is counted."),
        (
            _agent_s(cached, *mix),
            " This provider keeps no prefix: every call reads all of its prompt.",
        ),
        (
            _agent_s(uncached, *mix),
            " It keeps the prefix: from the second call on only the new tokens are read.",
        ),
        (truth - added_s, " The first call finds nothing in the cache."),
        (
            _agent_s(profile.but(structured_factor=1.0), *mix),
            " An answer that is bound to a schema decodes slower here.",
        ),
        (truth + (calls - 1) * compiling_s, " The schema is new only in the first call."),
        (truth - compiling_s, " The first call has to compile the schema."),
    ]


# The claims, by their names in claims.toml.


def fifty_calls(*, calls: int) -> Finding:
    """Whether so many calls bound a p50 and a p95 at all, with 95% confidence."""
    values = {
        "p50_needs": samples_needed(0.5),
        "p95_needs": samples_needed(0.95),
        "p95_best": interval_coverage(calls, 0.95, 1, calls),
    }
    p50, p95 = (values[name] <= calls for name in ("p50_needs", "p95_needs"))
    return Finding(values, p50 and p95, holds_if=p50)
