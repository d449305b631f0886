"""The checks of the lab on model size."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from types import MappingProxyType
from typing import Any

from labtools.course.verdict import Verdict, answer_of, check, expect, not_yet, number_from, right
from labtools.model.closed_loop import closed_loop
from labtools.model.metrics import TooFewSamples, percentile, percentile_interval
from labtools.model.profile import LatencyProfile
from labtools.model.published_profiles import BATCH_13B, LATENCY_70B
from labtools.model.roofline import ACCELERATORS, decode_bound_tokens_per_s

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


_MISTAKES: Mapping[str, list[str]] = MappingProxyType(
    {
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
)


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
