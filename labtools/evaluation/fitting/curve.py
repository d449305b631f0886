"""TTFT by the length of the prompt: whether it rises in a straight line, or faster.

    ttft - rtt = overhead + uncached_tokens / prefill rate + pairs / attention rate

`pairs` is (input_tokens^2 - cached_tokens^2) / 2. The curve replaces the straight line only where
it is certain: its bend is above three standard errors, and between the shortest and the longest
prompt it departs from the line by more than the noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from labtools.evaluation.fitting.evidence import Noise
from labtools.evaluation.fitting.parameter import Parameter, not_probed
from labtools.evaluation.fitting.prefill import OVERHEAD, RATE, prompt_line
from labtools.evaluation.fitting.robust import Z95, line, spread

ATTENTION = "attention_pairs_per_s"
# One in three hundred straight lines has a bend that many standard errors from 0.
_CERTAIN = 3.0
# Lengths closer than this are one: a tokenizer's counts differ by a few tokens.
_APART = 1.2
_WILD = 3.5

_EVERYTHING = (0, 1, 2)
Point = tuple[float, float, float]
"""Uncached input tokens, pairs, and TTFT less the round trip."""


def prompt_curve(points: Sequence[Point], noise: Noise) -> tuple[Parameter, Parameter, Parameter]:
    """Overhead, prefill rate and attention rate; None for a rate is infinite."""
    overhead, rate = prompt_line([(tokens, seconds) for tokens, _, seconds in points], noise)
    lengths = _lengths_apart(tokens for tokens, _, _ in points)
    if not lengths:
        needed = "cold prompts of known length that are answered"
        return overhead, rate, not_probed(ATTENTION, needed)
    if len(lengths) < 3:
        how = (
            f"A bend takes prompts of three lengths; here are {len(lengths)}. The profile has none."
        )
        return overhead, rate, Parameter(ATTENTION, None, "not_identifiable", how)
    values, errors = curve(points)
    departs_s = values[2] * (lengths[-1] - lengths[0]) ** 2 / 8
    usual_s = float(np.median([seconds for _, _, seconds in points]))
    how = f"{len(points)} cold, lone TTFTs less the round trip, of {len(lengths)} lengths"
    if values[2] <= _CERTAIN * errors[2] or departs_s <= noise.of(usual_s) * usual_s:
        bound = values[2] + Z95 * errors[2]
        low = 1 / bound if bound > 0 else None
        straight = f"{how}: they rise in a straight line as far as the noise lets one tell."
        return overhead, rate, Parameter(ATTENTION, None, "absent", straight, low=low)
    if values[0] <= max(Z95 * errors[0], noise.rounding_s):
        values, errors = curve(points, (1, 2))
    how += ", by overhead, tokens and pairs of tokens: least squares, wild values limited (Huber)."
    seconds, error_s = values[0], Z95 * errors[0]
    found = "measured" if seconds else "absent"
    return (
        Parameter(OVERHEAD, seconds, found, how, max(0.0, seconds - error_s), seconds + error_s),
        _rate(RATE, values[1], errors[1], how),
        _rate(ATTENTION, values[2], errors[2], how),
    )


def curve(
    points: Sequence[Point], columns: tuple[int, ...] = _EVERYTHING
) -> tuple[list[float], list[float]]:
    """The coefficients of 1, tokens and pairs, none below 0, and their standard errors.

    Only those in `columns` may differ from 0. Residuals count as shares of what is expected, for a
    slow call is slow throughout; those beyond 3.5 standard deviations count with the weight that
    makes them no larger (Huber).
    """
    table = np.array([(1.0, tokens, pairs) for tokens, pairs, _ in points])
    seconds = np.array([y for _, _, y in points])
    straight = line([(tokens, y) for tokens, _, y in points])
    least = max(1e-12, float(seconds.min()))
    expected = np.maximum(straight.intercept + straight.slope * table[:, 1], least)
    kept = [column for column in columns if table[:, column].any()]
    while True:
        found, errors = _huber(table[:, kept], seconds, expected, least)
        worst = int(np.argmin(found / errors))
        if found[worst] >= 0 or len(kept) == 1:
            break
        kept.pop(worst)
    values, standard_errors = [0.0] * 3, [0.0] * 3
    for column, value, error in zip(kept, found, errors, strict=True):
        values[column], standard_errors[column] = max(0.0, float(value)), float(error)
    return values, standard_errors


def _huber(
    table: NDArray[np.float64],
    seconds: NDArray[np.float64],
    expected: NDArray[np.float64],
    least: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    largest = np.abs(table).max(axis=0)  # so that lstsq sees columns of one size
    table = table / largest
    found: NDArray[np.float64] = np.zeros(table.shape[1])
    weights, sigma = np.ones(len(seconds)), 0.0
    for _ in range(30):
        roots, before = np.sqrt(weights), found
        rows = table / expected[:, None]
        solved = np.linalg.lstsq(rows * roots[:, None], seconds / expected * roots, rcond=None)
        found = solved[0].astype(np.float64)
        residuals = (seconds - table @ found) / expected
        sigma = spread([float(r) for r in residuals]) + 1e-15
        weights = np.minimum(1.0, _WILD * sigma / np.maximum(np.abs(residuals), 1e-300))
        expected = np.maximum(table @ found, least)
        if np.allclose(found, before, rtol=1e-12, atol=0.0):
            break
    rows = table / expected[:, None]
    covariance = np.linalg.pinv(rows.T @ (rows * weights[:, None]))
    errors = sigma * np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    return found / largest, errors / largest


def _lengths_apart(tokens: Iterable[float]) -> list[float]:
    found = list[float]()
    for length in sorted(set(tokens)):
        if not found or length > _APART * found[-1]:
            found.append(length)
    return found


def _rate(name: str, inverse: float, error: float, how: str) -> Parameter:
    """A rate from the seconds that one takes; 0 is no effect."""
    if inverse <= 0:
        return Parameter(name, None, "absent", how)
    fastest = 1 / (inverse - Z95 * error) if inverse > Z95 * error else None
    return Parameter(name, 1 / inverse, "measured", how, 1 / (inverse + Z95 * error), fastest)
