"""The checks on model size: of the lab's exercises, and of the essay's claims."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from labtools.course.ledger import Finding
from labtools.course.model_size.backends import (
    ACCELERATORS,
    SCHEMA_ENGINES,
    crossover_clients,
    decode_bound_tokens_per_s,
    slowdown,
)
from labtools.course.verdict import Verdict, answer_of, check, expect, not_yet, number_from, right
from labtools.model.closed_loop import closed_loop
from labtools.model.metrics import (
    TooFewSamples,
    percentile,
    percentile_interval,
)
from labtools.model.named_profiles import BATCH_13B, FAST, LATENCY_70B, SLOW
from labtools.model.profile import LatencyProfile

_A100, _H100 = (ACCELERATORS[n].bandwidth_bytes_per_s for n in ("A100 80GB SXM", "H100 SXM"))


@check
def check_bound(bound: Callable[[float, float, int, float], float]) -> Verdict:
    """`bound(parameters, bits, accelerators, bandwidth_bytes_per_s)` in tokens per second."""
    for billions, bits, accelerators, bandwidth in ((13, 16, 1, _A100), (70, 8, 4, _H100)):
        found = number_from(bound, billions * 1e9, bits, accelerators, bandwidth)
        expected = decode_bound_tokens_per_s(billions * 1e9, bits / 8, accelerators, bandwidth)
        expect(
            found,
            expected,
            f"With {billions}B parameters of {bits} bits on {accelerators} at "
            f"{bandwidth / 1e12:.2f} TB/s each you get {found:.3g}",
            (1 / expected, ": seconds for a token. Return tokens per second."),
            (expected / 8, ". You divided by bits; the bandwidth is in bytes."),
            (
                expected / accelerators,
                f". Each of the {accelerators} reads its share at the same time: their bandwidths "
                "add up.",
            ),
            (expected / accelerators**2, ". More accelerators make it faster, not slower."),
            otherwise=f". The weights are {billions * bits / 8:.0f} GB, read at "
            f"{accelerators * bandwidth / 1e12:.2f} TB/s in all: {expected:.0f} a second.",
        )
    return right("78 for the 13B in fp16 on one A100, 191 for the 70B in fp8 on four H100.")


_Case = tuple[tuple[LatencyProfile, LatencyProfile], int, list[int]]
_QUICK_START = LatencyProfile("quick-start", decode_tokens_per_s=50, overhead_s=0.1)
_QUICK_END = LatencyProfile("quick-end", decode_tokens_per_s=100, overhead_s=0.6)
_CROWDED = LatencyProfile("crowded", decode_tokens_per_s=200, batch_penalty=0.1)
_STEADY = LatencyProfile("steady", decode_tokens_per_s=60)
_ONE_COPY = LatencyProfile("one-copy", decode_tokens_per_s=100, batch_penalty=0.05)
_FOUR_COPIES = _ONE_COPY.but(name="four-copies", decode_tokens_per_s=60, replicas=4)
_TWO_SLOTS = LatencyProfile("two-slots", decode_tokens_per_s=100, max_batch=2)
_MANY_SLOTS = LatencyProfile("many-slots", decode_tokens_per_s=30)

_CASES: tuple[_Case, ...] = (
    ((LATENCY_70B, BATCH_13B), 4, [80] * 10),
    ((LATENCY_70B, BATCH_13B), 64, [80] * 10),
    ((_QUICK_START, _QUICK_END), 1, [20] * 10),
    ((_QUICK_START, _QUICK_END), 1, [20] * 9 + [1000]),
    ((_CROWDED, _STEADY), 32, [80] * 10),
    ((_ONE_COPY, _FOUR_COPIES), 32, [80] * 10),
    ((_TWO_SLOTS, _MANY_SLOTS), 16, [80] * 10),
)


def _mean_s(profile: LatencyProfile, clients: int, answers: Sequence[int]) -> float:
    return fmean(closed_loop(profile, clients, n).e2e_latency_s for n in answers)


def _fastest(measure: Callable[[LatencyProfile, int, list[int]], float]) -> list[str]:
    return [
        min(profiles, key=lambda profile: measure(profile, clients, answers)).name
        for profiles, clients, answers in _CASES
    ]


_MISTAKES: Mapping[str, list[str]] = {
    "The decode rate of a lone call is not all: TTFT counts, and the load does.": _fastest(
        lambda p, c, a: -p.decode_tokens_per_s
    ),
    "TTFT is not all: the answer has to be decoded.": _fastest(lambda p, c, a: p.ttft_s()),
    "That is a lone call. Other clients slow each step down, and fill the batch.": _fastest(
        lambda p, c, a: _mean_s(p, 1, a)
    ),
    "A batch that is full makes the rest wait: leave out no queue.": _fastest(
        lambda p, c, a: _mean_s(p.but(max_batch=None), c, a)
    ),
    "The clients are spread over the replicas: each sees its share of them.": _fastest(
        lambda p, c, a: _mean_s(p.but(replicas=1), c, a)
    ),
    "The median answer hides the long one. Time adds up, so take the mean.": _fastest(
        lambda p, c, a: _mean_s(p, c, [round(median(a))])
    ),
}


@check
def check_choose(choose: Callable[[Sequence[LatencyProfile], int, Sequence[int]], str]) -> Verdict:
    """`choose(profiles, clients, answers)` names the one whose calls take the least, on average.

    `clients` run in a closed loop, and each cycles through `answers`, lengths in tokens.
    """
    chosen: list[Any] = []
    for profiles, clients, answers in _CASES:
        name = answer_of(choose, list(profiles), clients, list(answers))
        names = [profile.name for profile in profiles]
        if name not in names:
            not_yet(f"choose returned {name!r}; it should return one of {names}.")
        chosen.append(name)
    truth = _fastest(_mean_s)
    if chosen == truth:
        return right("the load, the copies and the mean answer decide, not the size of the model.")
    case = next(index for index, name in enumerate(chosen) if name != truth[index])
    profiles, clients, answers = _CASES[case]
    seconds = ", ".join(f"{p.name} {_mean_s(p, clients, answers):.2f} s" for p in profiles)
    hint = next((hint for hint, names in _MISTAKES.items() if names == chosen), "")
    not_yet(
        f"with {clients} clients and answers of {fmean(answers):.0f} tokens on average you choose "
        f"{chosen[case]}, but a call takes: {seconds}. {hint}".rstrip()
    )


def _sample(calls: int, typical_s: float, seed: int) -> list[float]:
    rng = random.Random(seed)
    return [typical_s * rng.lognormvariate(0, 0.2) for _ in range(calls)]


_SAMPLES = (
    (_sample(50, 0.5, 1), _sample(50, 0.8, 2), 0.5),
    (_sample(50, 0.8, 3), _sample(50, 0.5, 4), 0.5),
    (_sample(50, 0.6, 5), _sample(50, 0.6, 6), 0.5),
    (_sample(50, 0.5, 7), _sample(50, 0.8, 8), 0.95),
    (_sample(200, 0.5, 9), _sample(200, 0.8, 10), 0.95),
    (_sample(200, 0.6, 11), _sample(200, 0.6, 12), 0.95),
)


@check
def check_compare(compare: Callable[[list[float], list[float], float], str]) -> Verdict:
    """`compare(first, second, q)` is "first" or "second", the faster one, or "cannot tell".

    It can tell when both samples have a 95% interval for the percentile and these do not overlap.
    """
    allowed = ("first", "second", "cannot tell")
    answers: list[str] = []
    for first, second, q in _SAMPLES:
        hint = f" ({len(first)} calls, q={q}). percentile_interval may return TooFewSamples."
        answers.append(answer_of(compare, list(first), list(second), q, hint=hint))
        if answers[-1] not in allowed:
            not_yet(f"compare returned {answers[-1]!r}; allowed: {', '.join(allowed)}.")
    truth = [_told_apart(*sample) for sample in _SAMPLES]
    if answers == truth:
        return right("fifty calls can compare medians. For p95 it takes at least 59, and a gap.")
    case = next(index for index, answer in enumerate(answers) if answer != truth[index])
    first, second, q = _SAMPLES[case]
    label, calls = f"p{q * 100:.0f}", len(first)
    said = f"For the {label} of {calls} calls each you say {answers[case]!r}"
    if set(answers) == {"cannot tell"}:
        not_yet(f"{said}, as for every sample. Here the intervals do not overlap.")
    if {answers[case], truth[case]} == {"first", "second"}:
        not_yet(f"{said}. The faster one is the one with the smaller {label}.")
    interval = percentile_interval(first, q)
    if isinstance(interval, TooFewSamples):
        not_yet(
            f"{said}. {calls} calls have no 95% interval for it: the best reaches "
            f"{interval.best_coverage:.1%}, and {interval.needed} are needed."
        )
    if truth[case] == "cannot tell":
        points = [percentile(sample, q) for sample in (first, second)]
        not_yet(
            f"{said}, from {points[0]:.3f} and {points[1]:.3f} s. Both samples are from the same "
            "endpoint: their intervals overlap."
        )
    not_yet(f"{said}. The intervals do not overlap: {truth[case]!r} is faster.")


def _told_apart(first: Sequence[float], second: Sequence[float], q: float) -> str:
    here, there = percentile_interval(first, q), percentile_interval(second, q)
    if isinstance(here, TooFewSamples) or isinstance(there, TooFewSamples):
        return "cannot tell"
    if here.high < there.low:
        return "first"
    return "second" if there.high < here.low else "cannot tell"


# The claims, by their names in claims.toml.

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
    small_bound = decode_bound_tokens_per_s(small * 1e9, 2, 1, _A100)
    large_bound = decode_bound_tokens_per_s(large * 1e9, 1, 8, _H100)
    small_same = decode_bound_tokens_per_s(small * 1e9, 1, 8, _H100)
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
