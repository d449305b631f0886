"""What a list of latencies says, and how sure it is.

Each function states its formula and unit, and raises `NothingMeasured` where the statistic has
no value: a percentile of nothing is an error, not 0.0. Nothing here reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Literal

from labtools.errors import ConfigurationError, NothingMeasured, require

Z95 = 1.96  # standard deviations of a normal distribution, on either side


def percentile(values: Iterable[float], q: float) -> float:
    """The nearest-rank percentile: the smallest value that at least a share `q` lies at or below.

    `q` is a share, so p95 is 0.95. It is the order statistic of rank ceil(q * n): always one of
    the values, never interpolated, and so comparable with the ranks of `percentile_interval`.
    Its unit is that of the values. Undefined (`NothingMeasured`) without values.
    """
    ordered = sorted(_numbers(values))
    if not ordered:
        raise NothingMeasured(
            f"A percentile of no values: q={q!r} was asked of an empty list. "
            "Pass at least one value, or report the statistic as missing."
        )
    return ordered[math.ceil(_share(q, "q") * len(ordered)) - 1]


@dataclass(frozen=True, slots=True)
class PercentileInterval:
    """The values between which a percentile lies, in at least `coverage` of such samples.

    `low` and `high` are the sorted values of ranks `low_rank` and `high_rank`, counted from 1.
    """

    low: float
    high: float
    low_rank: int
    high_rank: int
    coverage: float


@dataclass(frozen=True, slots=True)
class TooFewSamples:
    """No interval of order statistics reaches the confidence asked for.

    `best_coverage` is what the smallest and the largest value reach together. `needed` is the
    smallest number of samples for which an interval exists.
    """

    samples: int
    needed: int
    best_coverage: float


def percentile_interval(
    values: Iterable[float], q: float, confidence: float = 0.95
) -> PercentileInterval | TooFewSamples:
    """A confidence interval for a percentile that assumes nothing of the distribution's shape.

    The number of values at or below the true percentile is binomial(n, q), so the values of
    ranks r and s enclose it with probability P(r <= K <= s - 1) (Conover, Practical
    Nonparametric Statistics, 3.2). Of all pairs of ranks that reach `confidence` it takes the
    one with the fewest ranks between. Among equals it takes the lowest: latencies are skewed to
    the right, so lower ranks lie closer together. At the median, where equals are mirror images,
    it takes what spans both, the interval of the sign test. The samples must be independent:
    calls that queue behind each other are not.

    Returns `TooFewSamples` where even the smallest and the largest value fall short: p95 at 95%
    confidence needs 59. Raises `NothingMeasured` without values.
    """
    ordered = sorted(_numbers(values))
    n = len(ordered)
    if not n:
        raise NothingMeasured(
            f"An interval for a percentile of no values: q={q!r} was asked of an empty list. "
            f"Pass at least {samples_needed(q, confidence)} values."
        )
    share, wanted = _share(q, "q"), float(_share(confidence, "confidence"))
    below = [0.0, *accumulate(_binomial(n, float(share)))]  # below[k] = P(K < k)
    best: tuple[int, int] | None = None
    high = 1
    for low in range(1, n):
        high = max(high, low + 1)
        while high < n and below[high] - below[low] < wanted:
            high += 1
        if below[high] - below[low] < wanted:
            break
        if best is None or high - low < best[1] - best[0]:
            best = low, high
    if best is None:
        return TooFewSamples(n, samples_needed(q, confidence), interval_coverage(n, q, 1, n))
    low, high = best
    if share == Fraction(1, 2):
        high = n + 1 - low
    coverage = below[high] - below[low]
    return PercentileInterval(ordered[low - 1], ordered[high - 1], low, high, coverage)


def interval_coverage(n: int, q: float, low_rank: int, high_rank: int) -> float:
    """How often the values of these ranks, of `n` in all, enclose the percentile `q`.

    Ranks count from 1, the smallest value. 0.911 for ranks 44 and 50 of 50 at p95.
    """
    if not 1 <= low_rank <= high_rank <= n:
        raise ConfigurationError(
            f"The ranks {low_rank} and {high_rank} are not two of {n} samples in order. "
            f"Allowed: 1 <= low_rank <= high_rank <= {n}."
        )
    return math.fsum(_binomial(n, float(_share(q, "q")))[low_rank:high_rank])


def share_interval(share: float, of: int) -> tuple[float, float]:
    """Wilson's 95% interval for a share that was counted of so many."""
    middle = (share + Z95**2 / (2 * of)) / (1 + Z95**2 / of)
    spread = share * (1 - share) / of + (Z95 / (2 * of)) ** 2
    reach = Z95 * math.sqrt(spread) / (1 + Z95**2 / of)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def samples_needed(q: float, confidence: float = 0.95) -> int:
    """The fewest samples whose extremes enclose the percentile `q` with this confidence.

    The smallest n with 1 - q**n - (1 - q)**n >= confidence: 59 for p95, 299 for p99.
    """
    share, wanted = float(_share(q, "q")), float(_share(confidence, "confidence"))

    def enough(n: int) -> bool:
        return 1 - share**n - (1 - share) ** n >= wanted

    # By hand: `bisect` counts in machine words, which have 32 bits in a page.
    most = 1
    while not enough(most):
        most *= 2
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if enough(middle) else (middle, most)
    return most


def chance_one_exceeds(n: int, q: float) -> float:
    """The chance that at least one of `n` independent calls is above its percentile `q`.

    1 - q**n: a chain of 20 calls meets at least one p95 call in 64% of runs.
    """
    require("The number of calls", n, at_least=0)
    return 1 - float(_share(q, "q")) ** n


def amdahl_speedup(
    share: float, factor: float, measured_on: Literal["slow", "fast"] = "slow"
) -> float:
    """How many times faster the whole gets when a part of it gets `factor` times faster.

    `share` is the part's share of the time, 0 to 1, and it differs between the two backends, so
    say where it was measured: on the slow one 1 / ((1 - share) + share / factor) (Amdahl 1967),
    on the fast one (1 - share) + share * factor.
    """
    require("The share", share, at_least=0, at_most=1)
    require("The factor", factor, above=0)
    if measured_on == "slow":
        return 1 / ((1 - share) + share / factor)
    if measured_on == "fast":
        return (1 - share) + share * factor
    raise ConfigurationError(
        f"Unknown side for the share: {measured_on!r}. Allowed: 'slow', 'fast'."
    )


def _numbers(values: Iterable[float]) -> list[float]:
    numbers = list(values)
    for index, value in enumerate(numbers):
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise ConfigurationError(
                f"Value {index} of {len(numbers)} is {value!r}. Allowed: numbers. A call that "
                "failed has no latency: leave it out here and count it as a failure."
            )
    return numbers


def _share(value: float, name: str) -> Fraction:
    """`value` as it is written: 0.07 of 100 is 7, though 0.07 * 100 is 7.000000000000001."""
    require(name, value, above=0, below=1, hint="It is a share; 95% is 0.95.")
    return Fraction(str(value))


def _binomial(n: int, q: float) -> list[float]:
    """P(K = k) for k = 0 .. n, K binomial(n, q). By logarithms, so that no term overflows."""
    of_n, log_q, log_rest = math.lgamma(n + 1), math.log(q), math.log1p(-q)
    return [
        math.exp(
            of_n - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log_q + (n - k) * log_rest
        )
        for k in range(n + 1)
    ]
