"""The figures on the compounding effect: what fits in a budget, what patterns buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labtools.course.verifiers import NO_CHECK, Outcomes, Verifier, cap, chance_within
from labtools.plots.canvas import LabFigure, canvas, percent, require_some
from labtools.plots.colours import DECODE, HIGHLIGHT, INK, MUTED, STYLES, TTFT, WAITING


def steps_that_fit(fits: Mapping[str, tuple[int, int]], budget_s: float) -> LabFigure:
    """Steps within a budget, a pair of bars for each kind of step: slow and fast backend."""
    with canvas(height_in=1.1 + 0.62 * len(fits)) as drawing:
        for row, (slow, fast) in enumerate(fits.values()):
            for count, at, colour in ((slow, -row + 0.2, MUTED), (fast, -row - 0.2, DECODE)):
                drawing.bar(at, (count, colour, ""), end=f"{count}", height=0.36)
        drawing.rows(list(fits))
        drawing.axes.set_xlabel(f"steps that end within {budget_s:g} s")
        drawing.key({"slow backend": MUTED, "fast backend": DECODE})
        told = "; ".join(
            f"{name.replace(chr(10), ' ')}: {slow} on slow, {fast} on fast"
            for name, (slow, fast) in fits.items()
        )
        return drawing.done(
            f"Steps that end within {budget_s:g} s. {told}.",
            f"What fits in {budget_s:g} s. Checks and tools take their share of it.",
        )


def chain_ends(outcomes: Mapping[str, Outcomes], notes: Mapping[str, str], noted: str) -> LabFigure:
    """How chains end, a bar for each pattern, with a note under its name; `noted` says of what."""
    require_some(outcomes, "pattern")
    with canvas(height_in=1.1 + 0.6 * len(outcomes)) as drawing:
        axes = drawing.axes
        for row, ends in enumerate(outcomes.values()):
            shares = ((ends.right, DECODE), (ends.wrong, HIGHLIGHT), (ends.handed_over, WAITING))
            drawing.bar(-row, *((share, colour, f"{share:.0%}") for share, colour in shares))
        drawing.rows([f"{name}\n{notes[name]}" for name in outcomes])
        axes.set_xlim(0, 1)
        percent(axes.xaxis)
        axes.set_xlabel("share of the chains")
        drawing.key({"right": DECODE, "wrong, unnoticed": HIGHLIGHT, "given up": WAITING})
        told = "; ".join(
            f"{name}: {ends.right:.0%} right, {ends.wrong:.0%} wrong unnoticed, "
            f"{ends.handed_over:.0%} given up"
            for name, ends in outcomes.items()
        )
        return drawing.done(
            f"How the chains end. {told}.", f"How the chains end. Under each pattern: {noted}."
        )


def success_by_tries(
    checks: Mapping[str, Verifier], right_rate: float, steps: int, most_tries: int
) -> LabFigure:
    """The chance that a chain ends right, by the tries it may spend, with the cap of each check."""
    tries = range(steps, most_tries + 1)
    told = []
    with canvas(height_in=3.4) as drawing:
        axes = drawing.axes
        for (name, check), style in zip(checks.items(), reversed(STYLES), strict=False):
            success = [chance_within(count, right_rate, steps, check) for count in tries]
            axes.plot(tries, success, color=DECODE, linewidth=2, linestyle=style)
            limit = cap(right_rate, check) ** steps
            axes.plot([tries[-1]], [limit], "o", color=INK, markersize=4, clip_on=False)
            axes.text(tries[-1] - 0.3, limit - 0.025, f"{name}: {limit:.0%}", ha="right", va="top")
            told.append(f"{name} {limit:.0%}")
        axes.set(xlim=(tries[0], tries[-1]), ylim=(0, 1.02))
        percent(axes.yaxis)
        axes.set(xlabel="tries that fit in the budget", ylabel=f"chains of {steps} that end right")
        return drawing.done(
            f"The chance that {steps} steps, each right with {right_rate:.0%}, all end right, by "
            f"the tries they may spend. It levels off at {', '.join(told)}.",
            "A few spare tries are worth a lot, more are worth nothing. The dots are the caps.",
        )


def few_or_many(
    few: int, many: int, checks: Mapping[str, Verifier], marked: Sequence[float]
) -> LabFigure:
    """The chance that `few` steps end right, by the chance of one: alone, or with `many` to spend.

    A check takes as long as a step, so `many` are half as many tries. `marked` are chances to
    tell in the alt text.
    """
    rates = [rate / 200 for rate in range(100, 201)]
    told = []
    with canvas(height_in=3.4) as drawing:
        axes = drawing.axes
        plain = [chance_within(few, rate, few, NO_CHECK) for rate in rates]
        axes.plot(rates, plain, color=TTFT, linewidth=2)
        axes.text(0.925, 0.30, f"{few} steps,\nno check", color=TTFT, ha="left", va="center")
        for (name, check), style in zip(checks.items(), STYLES, strict=False):
            success = [chance_within(many // 2, rate, few, check) for rate in rates]
            axes.plot(rates, success, color=DECODE, linewidth=2, linestyle=style, label=name)
            shares = ", ".join(
                f"{chance_within(many // 2, rate, few, check):.0%} at {rate:.0%}" for rate in marked
            )
            told.append(f"with checks that {name}: {shares}")
        lone = ", ".join(f"{chance_within(few, r, few):.0%} at {r:.0%}" for r in marked)
        drawing.legend(axes.get_lines()[1:], f"{many} steps, half are checks that", 2.5)
        axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)))
        axes.set(xlim=(0.5, 1), ylim=(0, 1.05))
        percent(axes.xaxis)
        percent(axes.yaxis)
        axes.set(xlabel="chance that a step is right", ylabel=f"chains of {few} that end right")
        return drawing.done(
            f"Chains of {few} steps that end right. Without checks: {lone}; {'; '.join(told)}.",
            f"{many} steps instead of {few} buy nothing at either end, and a lot between.",
        )
