"""A comparison in sentences; each follows from its numbers by a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from labtools.evaluation.comparison.result import Against, Comparison, Quantity
from labtools.evaluation.summary.report import Sentence
from labtools.wording import duration, joined

# So many differences a sentence names; the page has them all.
NAMED = 3


def verdict(found: Comparison) -> tuple[Sentence, ...]:
    """What the rules have to say, in their order."""
    return tuple(
        Sentence(rule.__name__, text)
        for rule in (chain, quantities, chance)
        for text in rule(found)
    )


def chain(found: Comparison) -> Iterator[str]:
    """How long the chain takes at each."""
    fact = next((one for one in found.facts if one.unit == "s"), None)
    if fact is None or None in fact.values:
        return
    if "chain" in {one.what for one in found.not_compared}:
        return
    totals = [value for value in fact.values if value is not None]
    told = joined(
        f"{duration(total)} at {one.name}"
        for one, total in zip(found.endpoints, totals, strict=True)
    )
    ratio = max(totals) / min(totals) if min(totals) else None
    times = f", the longest {ratio:.3g} times the shortest" if ratio and ratio >= 1.005 else ""
    yield f"Inference in the same chain takes {told}{times}."


def quantities(found: Comparison) -> Iterator[str]:
    """In how many quantities each endpoint differs from the first, and in which most."""
    first = found.endpoints[0].name
    for place, other in enumerate(found.endpoints[1:]):
        rows = [(row, row.against[place]) for row in found.quantities]
        counts = Counter(one.finding for _, one in rows)
        if not counts:
            continue
        parts = []
        for finding in ("slower", "faster"):
            ours = [(row, one) for row, one in rows if one.finding == finding]
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
    findings = [one.finding for row in found.quantities for one in row.against]
    intervals = sum(one in ("slower", "faster", "no difference shown") for one in findings)
    shown = sum(one in ("slower", "faster") for one in findings)
    if shown and intervals > 1:
        yield (
            f"Each of {intervals} intervals has 95% confidence by itself: between equal endpoints, "
            f"up to {0.05 * intervals:.2g} would show a difference by chance."
        )


def _with_size(row: Quantity, one: Against) -> str:
    size = "" if one.relative is None else f" ({one.relative:+.0%})"
    return f"{row.what}{size}"
