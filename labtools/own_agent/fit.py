"""The fit of a trace to itself: what a call of each model took, as a constant and by its tokens.

Each call is foretold from the others. Where their sum is far from what the calls took, tokens do
not explain this trace, and nothing that is worked out from tokens would hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from labtools.lab.trace import Trace
from labtools.model.profile import LatencyProfile
from labtools.records import CallRecord
from labtools.wording import count

FEWEST_CALLS = 5
MOST_OFF = 0.10
LEAST_SPREAD = 0.1  # of a count of tokens over the calls, as a share of the largest
DRAWS = 200


@dataclass(frozen=True)
class Fit:
    """What the calls of one model took: seconds, seconds an uncached and an output token."""

    model: str
    calls: int
    coefficients: np.ndarray
    foretold_s: float
    """All calls, each foretold from the others."""
    took_s: float
    ratios: np.ndarray
    """Of each call: what it took over what the others foretold."""
    draws: np.ndarray
    """Coefficients from calls drawn again and again: how sure they are."""
    known: np.ndarray
    """Which coefficients can be told from the constant: not those of a count that all share."""

    @property
    def profile(self) -> LatencyProfile:
        """The model as a profile."""
        overhead, uncached, output = (float(value) for value in self.coefficients)
        return LatencyProfile(
            self.model,
            1 / output if output else float("inf"),
            "fitted to a trace",
            overhead_s=overhead,
            prefill_tokens_per_s=1 / uncached if uncached else float("inf"),
        )


@dataclass(frozen=True)
class Identity:
    """Whether a trace reproduces itself, and from what."""

    fits: dict[str, Fit]
    unfitted: dict[str, int]
    """Models with too few usable calls, and how many they have."""
    simulated: bool

    @property
    def off(self) -> float | None:
        """How far the calls, each foretold from the others, are from what they took."""
        took_s = sum(fit.took_s for fit in self.fits.values())
        if not took_s:
            return None
        return abs(sum(fit.foretold_s for fit in self.fits.values()) - took_s) / took_s

    @property
    def holds(self) -> bool:
        """Whether anything may be foretold. On the simulated clock the formula made the times."""
        return self.simulated or (
            self.off is not None and self.off <= MOST_OFF and not self.unfitted
        )

    def sentence(self) -> str:
        """What was found, and what follows from it."""
        few = [f"{count(n, 'usable call')} of {model}" for model, n in self.unfitted.items()]
        off = self.off
        if self.holds:
            why = "The simulated clock made these times"
            why = why if self.simulated else "It reproduces itself"
            found = "; each call foretold from the others, they are"
            return f"{why}." if off is None else f"{why}{found} {off:.0%} off."
        if few:
            return (
                f"Nothing is foretold: {', '.join(few)}, and {FEWEST_CALLS} of a model are needed "
                "to see whether tokens explain what they took."
            )
        if off is None:
            return "Nothing is foretold: no call has its tokens and its times."
        calls = sum(fit.calls for fit in self.fits.values())
        return (
            f"Nothing is foretold: {count(calls, 'call')}, each foretold from the others, are "
            f"{off:.0%} off, and {MOST_OFF:.0%} is the most that is taken. Tokens do not explain "
            "what these calls took; a longer trace may."
        )


def identity(trace: Trace) -> Identity:
    """The trace, held against itself."""
    by_model = defaultdict[str, list[CallRecord]](list)
    for call in trace.calls:
        if not call.error:
            by_model[call.model].append(call)
    fits, unfitted = {}, {}
    for model, calls in by_model.items():
        usable = [call for call in calls if _usable(call)]
        if len(usable) < FEWEST_CALLS:
            unfitted[model] = len(usable)
        else:
            fits[model] = _fit(model, usable)
    return Identity(fits, unfitted, trace.clock == "simulated")


def _usable(call: CallRecord) -> bool:
    return bool(call.e2e_latency_s) and None not in (call.input_tokens, call.output_tokens)


def _fit(model: str, calls: Sequence[CallRecord]) -> Fit:
    x = np.array([tokens_row(call) for call in calls], dtype=float)
    took = np.array([call.e2e_latency_s for call in calls], dtype=float)
    scale = np.maximum(x.max(axis=0), 1e-12)
    x = x / scale
    # Where the first token is known, it and the rest are two measurements; else there is one sum.
    ttft = np.array([call.ttft_s or 0.0 for call in calls])
    first, rest = x * [1, 1, 0], x * [0, 0, 1]
    split = (ttft > 0)[:, None]
    squares = np.where(
        split[..., None],
        np.einsum("ni,nj->nij", first, first) + np.einsum("ni,nj->nij", rest, rest),
        np.einsum("ni,nj->nij", x, x),
    )
    products = np.where(
        split, first * ttft[:, None] + rest * (took - ttft)[:, None], x * took[:, None]
    )
    whole = squares.sum(axis=0)[None], products.sum(axis=0)[None]
    left_out = _least_squares(whole[0] - squares, whole[1] - products)
    foretold = np.einsum("ni,ni->n", x, left_out)
    dice = np.random.default_rng(0)
    weights = dice.multinomial(len(x), np.full(len(x), 1 / len(x)), size=DRAWS)
    drawn = _least_squares(
        np.einsum("kn,nij->kij", weights, squares), np.einsum("kn,ni->ki", weights, products)
    )
    return Fit(
        model,
        len(calls),
        _least_squares(*whole)[0] / scale,
        float(foretold.sum()),
        float(took.sum()),
        took / np.maximum(foretold, 1e-3),
        drawn / scale,
        np.ptp(x, axis=0) > LEAST_SPREAD if not split.all() else np.ptp(x, axis=0) >= 0,
    )


def tokens_row(call: CallRecord) -> tuple[float, float, float]:
    """What its seconds are made of: a constant, uncached and output tokens."""
    tokens = call.tokens
    return 1.0, tokens.input_tokens - tokens.cached_tokens, tokens.output_tokens


def _least_squares(squares: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Coefficients that are not negative, of many systems at once: the best of all subsets."""
    best = np.zeros_like(products)
    least = np.zeros(len(products))
    for columns in _subsets(products.shape[1]):
        some = np.ix_(range(len(products)), columns, columns)
        ridge = 1e-9 * np.eye(len(columns))
        found = np.linalg.solve(squares[some] + ridge, products[:, columns, None])[..., 0]
        loss = np.einsum("ni,nij,nj->n", found, squares[some], found)
        loss -= 2 * (products[:, columns] * found).sum(axis=1)
        better = (found >= 0).all(axis=1) & (loss < least)
        least = np.where(better, loss, least)
        full = np.zeros_like(products)
        full[:, columns] = found
        best = np.where(better[:, None], full, best)
    return best


def _subsets(width: int) -> Iterator[list[int]]:
    for size in range(1, width + 1):
        yield from (list(columns) for columns in combinations(range(width), size))
