"""``{diagram} NAME``: lanes of blocks that show how something works, drawn for both widths.

Inline SVG in the page's own colours, so it follows the scheme. What each shows is in
`diagram_catalogue`; none of them holds a number, since a number is computed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WIDE, NARROW = 680, 350
LANE, GAP, BAR, CHARACTER, LINE = 26, 12, 24, 7.3, 17


@dataclass(frozen=True)
class Block:
    """A stretch of a lane, from 0 to 100, and what it is."""

    start: float
    end: float
    look: str
    """A class of book.css: ttft, decode, tool, waiting, kept, or span for a bracket."""
    words: str = ""


@dataclass(frozen=True)
class Lane:
    """Blocks on one line. `mark` is a place that an arrow points at."""

    name: str
    blocks: tuple[Block, ...]
    mark: float | None = None


@dataclass(frozen=True)
class Diagram:
    """Lanes one under the other, and what they show in words."""

    lanes: tuple[Lane, ...]
    alt: str
    caption: str
    key: tuple[tuple[str, str], ...] = ()
    """Looks, and what they mean."""
    steps: tuple[tuple[float, str], ...] = ()
    """To look at it bit by bit: up to which place blocks have begun, and what happens there."""

    def markup(self) -> str:
        """The figure: one drawing for a wide window, one for a phone."""
        key = "".join(
            f'<span><i class="{look}"></i>{escape(words)}</span>' for look, words in self.key
        )
        return (
            '<figure class="lab-figure diagram">'
            f'<div class="explorable-key" aria-hidden="true">{key}</div>'
            f"{self._drawn(WIDE, names_beside=True)}{self._drawn(NARROW, names_beside=False)}"
            f"{self._stepper()}<figcaption>{escape(self.caption)}</figcaption></figure>"
        )

    def _stepper(self) -> str:
        """Buttons, which diagram.mjs shows: without it the whole is there at once."""
        if not self.steps:
            return ""
        steps = escape(json.dumps(self.steps), quote=True)
        buttons = '<button type="button">Back</button><button type="button">Next</button>'
        return f'<div class="stepper" data-steps="{steps}" hidden>{buttons}<output></output></div>'

    def _drawn(self, width: int, *, names_beside: bool) -> str:
        left = CHARACTER * max(len(lane.name) for lane in self.lanes) + 8 if names_beside else 0
        parts, y = [], 2.0
        for lane in self.lanes:
            if lane.mark is not None and names_beside:
                y += 8
            if lane.name:
                at = (0, y + BAR / 2 + 5) if names_beside else (0, y + 13)
                parts.append(_words(*at, lane.name, "start"))
                y += 0 if names_beside else LINE + 1
            if lane.mark is not None and not names_beside:
                y += 8
            scale = (width - left - 2) / 100
            parts += [_block(block, left, y, scale) for block in lane.blocks]
            if lane.mark is not None:
                x = left + lane.mark * scale
                parts.append(f'<path class="arrow" d="M{x:g} {y:g}l-5 -9h10z"/>')
            y += BAR + GAP
        size = f'viewBox="0 0 {width} {y - GAP + 4:g}" width="{width}"'
        name = "wide" if names_beside else "narrow"
        return (
            f'<svg class="{name}" {size} role="img" aria-label="{escape(self.alt, quote=True)}">'
            f"{''.join(parts)}</svg>"
        )


def _words(x: float, y: float, words: str, anchor: str, look: str = "") -> str:
    kind = f' class="{look}"' if look else ""
    return f'<text{kind} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def _block(block: Block, left: float, y: float, scale: float) -> str:
    x, width = left + block.start * scale, (block.end - block.start) * scale
    middle = x + width / 2
    if block.look == "span":
        ends = "".join(f"M{end:g} {y + 2:g}v8" for end in (x + 1, x + width - 1))
        line = f"{ends}M{x + 1:g} {y + 6:g}h{width - 2:g}"
        return f'<path class="span" d="{line}"/>' + _words(middle, y + 23, block.words, "middle")
    words = block.words if len(block.words) * CHARACTER < width - 4 else ""
    text = _words(middle, y + BAR / 2 + 5, words, "middle", f"on {block.look}") if words else ""
    return (
        f'<g data-start="{block.start:g}">'
        f'<rect class="{block.look}" x="{x:g}" y="{y:g}" width="{max(1, width - 1.5):g}" '
        f'height="{BAR}"/>{text}</g>'
    )


class DiagramDirective(SphinxDirective):
    """Put a diagram here."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Its markup. An unknown name is an error that lists the known ones."""
        from diagram_catalogue import DIAGRAMS

        (name,) = self.arguments
        if name not in DIAGRAMS:
            raise self.error(f"no diagram {name!r}; known: {', '.join(DIAGRAMS)}")
        return [nodes.raw("", DIAGRAMS[name].markup(), format="html")]


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load the script where it has something to do."""
    raw = doctree.findall(nodes.raw) if doctree is not None else ()
    if any('class="stepper"' in node.astext() for node in raw):
        app.add_js_file("diagram.mjs", type="module")


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the directive."""
    app.add_directive("diagram", DiagramDirective)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
