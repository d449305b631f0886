"""Jitter and tail: how much calls differ that ought to be alike.

A call's pace is what it took to its last token, less the round trip, over what the profile says.
Lognormal with mean 1, times a factor with some probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labtools.evaluation.fitting.result import Parameter, not_probed
from labtools.evaluation.fitting.robust import WILD, Z95, spread

SIGMA, PROBABILITY, FACTOR = "jitter_sigma", "tail_probability", "tail_factor"
_LEAST_CALLS = 6
# What the pace of a tail exceeds that of the body by, at least: less is jitter.
_LEAST_FACTOR = 1.25
_LEAST_TAIL_CALLS = 3


@dataclass(frozen=True, slots=True)
class Paces:
    """The distribution of logarithms of paces: a normal body, and a tail further up."""

    centre: float = 0.0
    """Mean of the body."""
    sigma: float = 0.0
    tail_probability: float = 0.0
    tail_shift: float = 0.0
    """By how much the tail's mean is above the body's: the logarithm of its factor."""
    calls: int = 0

    @property
    def slower(self) -> float:
        """What the body's mean pace is, which the model has at 1."""
        return math.exp(self.centre + self.sigma**2 / 2)

    @property
    def error(self) -> float:
        """95% of the times, the mean is within this share of the true one."""
        return math.expm1(Z95 * self.sigma / math.sqrt(self.calls)) if self.calls else 0.0


NO_JITTER = Paces()


def fit_jitter(logarithms: Sequence[float], floor: float) -> tuple[Paces, list[Parameter]]:
    """Jitter and tail of these logarithms of paces; a spread below `floor` is noise."""
    count = len(logarithms)
    if count < _LEAST_CALLS:
        needed = f"{_LEAST_CALLS} lone streams with their tokens"
        return NO_JITTER, [not_probed(name, needed) for name in (SIGMA, PROBABILITY, FACTOR)]
    found = paces(logarithms, floor)
    sigma = found.sigma if found.sigma > floor else 0.0
    tailed = math.exp(found.tail_shift) >= _LEAST_FACTOR
    tail = (found.tail_probability, found.tail_shift) if tailed else (0.0, 0.0)
    kept = Paces(found.centre, sigma, *tail, calls=count)
    how = f"Spread of the paces of {count} lone calls, whole calls over what the profile says"
    if sigma:
        error = Z95 * sigma / math.sqrt(2 * count)
        bounds = max(0.0, sigma - error), sigma + error
        jitter = Parameter(SIGMA, sigma, "measured", f"{how}.", *bounds)
    else:
        jitter = Parameter(SIGMA, 0.0, "absent", f"{how}: no more than the noise.", 0.0, floor)
    return kept, [jitter, *(_tail(found, count) if tailed else _no_tail(count))]


def _tail(found: Paces, count: int) -> list[Parameter]:
    share, how = found.tail_probability, f"Paces of {count} lone calls as two lognormals, by EM."
    # Wilson's interval for a share.
    middle = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    half /= 1 + Z95**2 / count
    error = Z95 * found.sigma / math.sqrt(share * count)
    factor, low, high = (math.exp(found.tail_shift + e) for e in (0.0, -error, error))
    return [
        Parameter(PROBABILITY, share, "measured", how, max(0.0, middle - half), middle + half),
        Parameter(FACTOR, factor, "measured", how, low, high),
    ]


def _no_tail(count: int) -> list[Parameter]:
    how = f"Fewer than three of {count} lone calls were slower than jitter and noise explain."
    # Hanley's rule: nothing in n calls, so at most 3/n of them.
    return [
        Parameter(PROBABILITY, 0.0, "absent", how, 0.0, min(1.0, 3 / count)),
        Parameter(FACTOR, 1.0, "absent", how),
    ]


def paces(logarithms: Sequence[float], floor: float) -> Paces:
    """Body and tail of these paces. A spread below `floor` is taken for `floor`.

    The body is what lies within 3.5 standard deviations of the median. When at least three values
    lie further up, and above 1.25 times the median, two normal distributions of one width are
    fitted to all by expectation and maximisation; a wider overlap than that is jitter.
    """
    values = np.asarray(logarithms, float)
    centre, sigma = float(np.median(values)), max(spread(values), floor)
    body = values[np.abs(values - centre) <= WILD * sigma]
    centre, sigma = float(body.mean()), max(floor, float(body.std()))
    far = values[values - centre > max(WILD * sigma, math.log(_LEAST_FACTOR))]
    if len(far) < _LEAST_TAIL_CALLS:
        return Paces(centre, sigma)
    share, shift = len(far) / len(values), float(np.median(far)) - centre
    near = values[values - centre >= -WILD * sigma]  # wildly fast is neither
    for _ in range(200):
        before, x = (share, shift), near - centre
        exponents = ((x - shift) ** 2 - x**2) / (2 * sigma**2) + math.log((1 - share) / share)
        chances = 1 / (1 + np.exp(np.minimum(exponents, 700.0)))
        tail = float(chances.sum())
        if not 0 < tail < len(near):
            return Paces(centre, sigma)
        share = tail / len(near)
        centre = float(near @ (1 - chances)) / (len(near) - tail)
        shift = float(near @ chances) / tail - centre
        x = near - centre
        squares = (1 - chances) @ x**2 + chances @ (x - shift) ** 2
        sigma = max(floor, math.sqrt(squares / len(near)))
        if max(abs(share - before[0]), abs(shift - before[1])) < 1e-12:
            break
    return Paces(centre, sigma, share, shift)
