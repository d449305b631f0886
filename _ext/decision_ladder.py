"""``{decision_ladder}``: symptoms one under the other, each with the page to read.

A drawing whose boxes are links, and, folded, a list that says the same.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


@dataclass(frozen=True)
class Rung:
    """A symptom, and where to read about it: a page beside the ladder's, with its heading."""

    symptom: str
    advice: str
    place: str


RUNGS = (
    Rung("Nobody can say which step takes the time", "Read its log", "own_agent.html"),
    Rung(
        "Tools take longer than the calls",
        "Overlap the tools",
        "multiplier.html#tools-set-a-floor",
    ),
    Rung("Calls parse, look up or apply things", "Leave calls out", "fewer_calls.html"),
    Rung(
        "Answers repeat what the prompt holds",
        "Write less",
        "fewer_calls.html#what-is-left-is-decode",
    ),
    Rung("Calls wait for answers they do not need", "Parallel calls", "parallel_calls.html"),
    Rung(
        "It is slow when other clients are busy",
        "Size against load",
        "model_size.html#below-the-flip-the-larger-model-is-faster",
    ),
    Rung(
        "Most runs are quick and a few are slow",
        "Cut the tail",
        "parallel_calls.html#a-second-request-cuts-the-tail",
    ),
    Rung("Prompts are long and start alike", "Prefix caching", "prefix_caching.html"),
    Rung("Most calls are easy", "Routing", "routing.html"),
    Rung(
        "Most of a call is the writing",
        "Another provider",
        "evaluation.html",
    ),
    Rung("Steps fail and are tried again", "Checks and retries", "compounding.html"),
)
LAST = Rung("None of these", "All at once in one agent", "coding_agent.html")

WIDTH, LINE, EDGE, GAP = 360, 18, 9, 26
LEFT, LEFT_WIDTH, LEFT_CHARS = 2, 196, 24
RIGHT, RIGHT_WIDTH, RIGHT_CHARS = 240, 118, 12


def _box(x: int, y: int, width: int, height: int, lines: list[str]) -> str:
    top = y + (height - LINE * len(lines)) / 2 + 13.5
    words = " ".join(
        f'<tspan x="{x + EDGE}" y="{top + LINE * number:g}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/><text>{words}</text>'


def drawing() -> str:
    """The ladder: "yes" leads to the right, "no" to the rung below."""
    parts, y = [], 2
    for rung in (*RUNGS, LAST):
        symptom = textwrap.wrap(rung.symptom, LEFT_CHARS)
        advice = textwrap.wrap(rung.advice, RIGHT_CHARS)
        height = LINE * max(len(symptom), len(advice)) + 2 * EDGE
        middle, right = y + height / 2, LEFT + LEFT_WIDTH
        parts.append(
            _box(LEFT, y, LEFT_WIDTH, height, symptom)
            + f'<path d="M{right} {middle:g}H{RIGHT - 2}"/>'
            + f'<a href="{rung.place}">{_box(RIGHT, y, RIGHT_WIDTH, height, advice)}</a>'
        )
        y += height
        if rung is not LAST:
            parts.append(
                f'<text class="way" x="{right + 8}" y="{middle - 5:g}">yes</text>'
                f'<path d="M{LEFT + 24} {y}v{GAP - 2}"/>'
                f'<text class="way" x="{LEFT + 32}" y="{y + 17}">no</text>'
            )
            y += GAP
    arrow = (
        '<defs><marker id="ladder-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return (
        f'<svg class="decision-ladder" viewBox="0 0 {WIDTH} {y + 2}" role="group" '
        f'aria-label="From a symptom to the page about it">{arrow}{"".join(parts)}</svg>'
    )


def listing() -> str:
    """The same as a list, folded away: who can see the drawing needs it once."""
    rungs = "".join(
        f'<li><p>{escape(rung.symptom)}: <a class="reference internal" href="{rung.place}">'
        f"{escape(rung.advice)}</a></p></li>"
        for rung in (*RUNGS, LAST)
    )
    return f"<details><summary>The same as a list</summary><ol>{rungs}</ol></details>"


class DecisionLadder(SphinxDirective):
    """Put the ladder here."""

    def run(self) -> list[nodes.Node]:
        """The drawing, and the list below it."""
        markup = f'<div class="decision-ladder-both">{drawing()}{listing()}</div>'
        return [nodes.raw("", markup, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the directive."""
    app.add_directive("decision_ladder", DecisionLadder)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
