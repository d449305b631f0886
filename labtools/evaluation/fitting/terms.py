"""Terms of the latency model, fitted together: which of them calls show, and how large they are.

    ttft - rtt = pace * (a sum of terms)
    step       = pace * (a sum of other terms)

A term without a sure and visible effect is left out, and the rest fitted again. Where a call has
one pace, its two halves make one system: the ratio of its TTFT to its step is free of the pace, so
it holds the terms to each other as closely as the ratio does not scatter, and the steps alone say
how large they all are. So steps that grow with the prompt are not taken for attention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labtools.evaluation.fitting.result import Parameter
from labtools.evaluation.fitting.robust import Estimate, Paces, regress, spread

Numbers = NDArray[np.float64]
_ROUNDS = 20
# What floats may differ by that ought to be the same, as a share.
_ROUNDING = 1e-8


@dataclass(frozen=True, slots=True)
class Term:
    """One summand, and what its coefficient must exceed to be one."""

    name: str
    amounts: Sequence[float]
    """How much of it each call holds."""
    of_step: bool
    """Whether it is part of a step, and not of the time before the first token."""
    reach: float = 1.0
    """By how much of it the calls differ."""
    certain: float = 0.0
    """Standard errors."""
    visible_s: float = 0.0
    """What it must make between calls that differ by its reach."""

    def stands(self, found: Estimate) -> bool:
        sure = found.value > self.certain * found.error
        return sure and found.value * self.reach > self.visible_s


@dataclass(frozen=True, slots=True)
class Terms:
    """What calls say of some terms."""

    found: Mapping[str, Estimate]
    """Seconds for one of each."""
    most_s: Mapping[str, float]
    """Of those without effect: 95% of the times it is no more than this."""
    scatter: float
    """Of the logarithms of TTFT over what the terms say; where calls have one pace, rid of it."""

    def parameter(self, name: str, how: str, pace: Paces, *, is_rate: bool) -> Parameter:
        """At the pace of 1; the interval holds what is not known of the pace."""
        widest = pace.slower * (1 + pace.error)
        if name not in self.found:
            how, most_s = f"{how}: no effect beyond the noise.", self.most_s[name] * widest
            if is_rate:
                return Parameter(name, None, "absent", how, low=1 / most_s if most_s else None)
            return Parameter(name, 0.0, "absent", how, 0.0, most_s)
        found, how = self.found[name], f"{how}."
        low_s = max(0.0, found.low) * pace.slower / (1 + pace.error)
        value_s, high_s = found.value * pace.slower, found.high * widest
        if not is_rate:
            return Parameter(name, value_s, "measured", how, low_s, high_s)
        fastest = 1 / low_s if low_s else None
        return Parameter(name, 1 / value_s, "measured", how, 1 / high_s, fastest)


def fit_terms(
    terms: Sequence[Term], work_s: Sequence[float], step_s: Sequence[float], *, one_pace: bool
) -> Terms:
    """Those that stand: the first that does not is left out, and the rest fitted again.

    `work_s` and `step_s` are not a number where a call does not tell.
    """
    kept, most_s = list(terms), dict[str, float]()
    works, steps = np.array(work_s), np.array(step_s)
    while kept:
        estimates, scatter = _solve(kept, works, steps, one_pace)
        found = dict(zip((term.name for term in kept), estimates, strict=True))
        gone = next((term for term in kept if not term.stands(found[term.name])), None)
        if gone is None:
            return Terms(found, most_s, scatter)
        most_s[gone.name] = max(0.0, found[gone.name].high)
        kept.remove(gone)
    return Terms({}, most_s, 0.0)


def _solve(
    terms: Sequence[Term], work_s: Numbers, step_s: Numbers, one_pace: bool
) -> tuple[list[Estimate], float]:
    """By themselves first, then as one system, linear in the logarithms near what is found."""
    table = np.array([term.amounts for term in terms], float).T
    of_step = np.array([term.of_step for term in terms], bool)
    halves = [(~of_step, work_s), (of_step, step_s)]
    found: list[Estimate] = [Estimate(0.0, 0.0)] * len(terms)
    for columns, seconds in halves:
        known = ~np.isnan(seconds)
        if columns.any() and known.any():
            part = regress(table[known][:, columns], seconds[known], relative=True)
            for place, estimate in zip(np.flatnonzero(columns), part, strict=True):
                found[place] = estimate
    for _ in range(_ROUNDS if one_pace else 1):
        values = np.array([estimate.value for estimate in found])
        before, steps = table @ (values * ~of_step), table @ (values * of_step)
        with np.errstate(divide="ignore", invalid="ignore"):
            off_work, off_step = np.log(work_s / before), np.log(step_s / steps)
            work_rows = table * ~of_step / before[:, None]
            step_rows = table * of_step / steps[:, None]
        if one_pace:
            work_rows, off_work = work_rows - step_rows, off_work - off_step
        first, later = np.isfinite(off_work), np.isfinite(off_step)
        scatter = spread(off_work[first]) if first.any() else 0.0
        if not one_pace or not first.any() or not later.any():
            break
        of_work, of_later = (max(spread(x), _ROUNDING) for x in (off_work[first], off_step[later]))
        rows = np.vstack((work_rows[first] / of_work, step_rows[later] / of_later))
        targets = np.concatenate((off_work[first] / of_work, (off_step[later] + 1) / of_later))
        found = regress(rows, targets, sigma=1.0)
        if all(
            abs(new.value - old) <= 1e-6 * new.error + 1e-9 * abs(old)
            for new, old in zip(found, values, strict=True)
        ):
            break
    return found, scatter
