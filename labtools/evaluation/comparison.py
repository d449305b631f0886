"""A comparison of endpoints, as plain values, as JSON and in sentences: `comparison.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from labtools.evaluation.observations import Endpoint
from labtools.evaluation.plan import AxisName
from labtools.evaluation.report import Sentence
from labtools.evaluation.statistics import Difference, Part, Stat
from labtools.wording import duration, joined, signed_share

Format = Literal["labtools-evaluation-comparison/1"]
FORMAT: Format = "labtools-evaluation-comparison/1"
# So many differences a sentence names; the page has them all.
NAMED = 3
Finding = Literal["slower", "faster", "no difference shown", "too few pairs", "not measured"]


@dataclass(frozen=True, slots=True)
class Against(Part):
    """One endpoint less the first, call by call of the same plan."""

    difference_s: Difference
    relative: float | None
    """The median difference over the first endpoint's p50."""
    relative_low: float | None
    relative_high: float | None
    finding: Finding
    """"slower" and "faster": the interval does not hold 0."""


@dataclass(frozen=True, slots=True)
class Quantity(Part):
    """One quantity in seconds, at every endpoint."""

    axis: str
    what: str
    stats: tuple[Stat, ...]
    """One for each endpoint, in their order."""
    against: tuple[Against, ...]
    """One for each endpoint after the first."""
    independent: bool
    """False for calls that ran side by side: their intervals are too narrow."""


@dataclass(frozen=True, slots=True)
class Fact(Part):
    """A number of each endpoint that has no interval: one block, or a few runs, is one sample."""

    what: str
    unit: Literal["s", "share", "calls", "usd"]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class NotCompared(Part):
    """An axis, or a quantity, that was left out, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison(Part):
    """Two endpoints or more, each against the first."""

    format: Format
    endpoints: tuple[Endpoint, ...]
    """Names are made unique."""
    repeats: tuple[str, ...]
    """The command that measures them again: one for all where their settings are the same."""
    warnings: tuple[str, ...]
    """What makes them unequal beyond the endpoints themselves."""
    facts: tuple[Fact, ...]
    quantities: tuple[Quantity, ...]
    not_compared: tuple[NotCompared, ...]
    verdict: tuple[Sentence, ...] = ()


def verdict(found: Comparison) -> tuple[Sentence, ...]:
    """What the rules have to say, in their order."""
    return tuple(
        Sentence(rule.__name__, text)
        for rule in (chain, quantities, chance)
        for text in rule(found)
    )


def chain(found: Comparison) -> Iterator[str]:
    """What to choose for an agent, at what cost, by how much, how sure, and where it is slower."""
    facts = {fact.unit: fact for fact in found.facts}
    fact = facts.get("s")
    steps = next((row for row in found.quantities if row.axis == AxisName.CHAIN), None)
    if (
        fact is None
        or None in fact.values
        or AxisName.CHAIN in {r.what for r in found.not_compared}
    ):
        return
    totals = [value for value in fact.values if value is not None]
    names = [endpoint.name for endpoint in found.endpoints]
    order = sorted(range(len(names)), key=totals.__getitem__)
    best = order[0]
    told = joined(f"{duration(totals[place])} at {names[place]}" for place in order)
    ratio = max(totals) / totals[best] if totals[best] else 1.0
    times = f", the longest {ratio:.3g} times the shortest" if ratio >= 1.005 else ""
    takes = f"Inference in the same chain takes {told}{times}."
    wins, loses = ("slower", "faster") if best == 0 else ("faster", "slower")
    pairs = dict(_pairs_of(steps, best, names))
    sure = [name for name, against in pairs.items() if against.finding == wins]
    if not sure:
        yield f"{takes} Call by call no difference is shown, so nothing speaks for any of them."
        return
    alike = [name for name in pairs if name not in sure]
    but = f"; against {joined(alike)} no difference is shown" if alike else ""
    rows = found.quantities
    lost = [r.what for r in rows if loses in {o.finding for _, o in _pairs_of(r, best, names)}]
    named = lost[:NAMED] + [f"{len(lost) - NAMED} more"] * (len(lost) > NAMED)
    price = f" It is slower in {joined(named)}." if lost else ""
    cost = _cost(facts.get("usd"), best, names)
    yield (
        f"For an agent that works in steps, choose {names[best]}{cost}. {takes} Paired call by "
        f"call, {names[best]} is faster than {joined(sure)} with 95% confidence{but}.{price}"
    )


def _cost(fact: Fact | None, best: int, names: list[str]) -> str:
    """The cost of the one, in costs of the others, where it is known."""
    values = fact.values if fact else ()
    usd = dict(zip(names, values, strict=False))
    own = usd.pop(names[best], None)
    known = {name: value for name, value in usd.items() if value}
    if own is None or not known:
        return ""
    times = {name: f"{own / value:.2g}" for name, value in known.items()}
    return ", at " + joined(
        f"the same cost as {name}" if n == "1" else f"{n} times the cost of {name}"
        for name, n in times.items()
    )


def _pairs_of(row: Quantity | None, best: int, names: list[str]) -> list[tuple[str, Against]]:
    """Those that `best` was paired with: everything was paired with the first."""
    pairs = list(zip(names[1:], row.against if row else (), strict=False))
    return pairs if best == 0 else [(names[0], against) for _, against in pairs[best - 1 : best]]


def quantities(found: Comparison) -> Iterator[str]:
    """In how many quantities each endpoint differs from the first, and in which most."""
    first = found.endpoints[0].name
    for place, other in enumerate(found.endpoints[1:]):
        rows = [(row, row.against[place]) for row in found.quantities]
        counts = Counter(against.finding for _, against in rows)
        if not counts:
            continue
        parts = []
        for finding in ("slower", "faster"):
            ours = [(row, against) for row, against in rows if against.finding == finding]
            ours.sort(key=lambda pair: -abs(pair[1].relative or 0.0))
            most = "; ".join(_with_size(*pair) for pair in ours[:NAMED])
            parts.append(f"{finding} in {len(ours)}{f' (most: {most})' if most else ''}")
        told = f"Of {len(rows)} quantities {other.name} is {joined(parts)}, against {first}."
        told += f" No difference is shown in {counts['no difference shown']}."
        if few := counts["too few pairs"] + counts["not measured"]:
            told += f" {few} had too few pairs to say."
        yield told


def chance(found: Comparison) -> Iterator[str]:
    """With many intervals some exclude 0 by chance."""
    findings = [against.finding for row in found.quantities for against in row.against]
    intervals = sum(finding in ("slower", "faster", "no difference shown") for finding in findings)
    shown = sum(finding in ("slower", "faster") for finding in findings)
    if shown and intervals > 1:
        yield (
            f"Each of {intervals} intervals has 95% confidence by itself: between equal endpoints, "
            f"up to {0.05 * intervals:.2g} would show a difference by chance."
        )


def _with_size(row: Quantity, against: Against) -> str:
    size = "" if against.relative is None else f" ({signed_share(against.relative)})"
    return f"{row.what}{size}"
