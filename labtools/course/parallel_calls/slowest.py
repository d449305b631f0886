"""How long a fan-out takes when its calls vary: as long as the slowest of them."""

from __future__ import annotations

import math
from statistics import NormalDist

from labtools.errors import ConfigurationError

_NORMAL = NormalDist()
# The integrand is smooth and vanishes beyond nine standard deviations; 400 steps give 12 digits.
_STEPS, _REACH = 400, 9.0


def mean_of_slowest(calls: int, jitter_sigma: float) -> float:
    """The mean of the slowest of `calls` independent latencies, in means of one.

    Latencies are lognormal with this sigma and mean 1, as `LatencyProfile.jitter_sigma` has
    them. k E[Phi(Z + sigma)^(k-1)], Z standard normal: the slowest is each of the k with equal
    probability, and weighting by its own length shifts it by sigma. 1 without jitter or with
    one call; 2 Phi(sigma / sqrt 2) with two.
    """
    if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
        raise ConfigurationError(f"calls is {calls!r}. Allowed: a whole number, at least 1.")
    if not (jitter_sigma >= 0 and math.isfinite(jitter_sigma)):
        raise ConfigurationError(f"jitter_sigma is {jitter_sigma!r}. Allowed: 0 or more.")
    if jitter_sigma == 0:
        return 1.0
    width = 2 * _REACH / _STEPS
    points = (-_REACH + step * width for step in range(_STEPS + 1))
    others_below = (_NORMAL.pdf(z) * _NORMAL.cdf(z + jitter_sigma) ** (calls - 1) for z in points)
    return calls * width * math.fsum(others_below)


def fan_out_speedup(calls: int, jitter_sigma: float) -> float:
    """How many times faster `calls` at once are than one after another, on average.

    The mean of the sum over the mean of the slowest. The calls must not slow each other down.
    """
    return calls / mean_of_slowest(calls, jitter_sigma)
