"""Render LaTeX mathematics to MathML while the book is built, so that no page needs MathJax.

The conversion is docutils' own. It knows the usual LaTeX and AMS commands and raises on one
that it does not know, which becomes a warning here: with warnings as errors, a formula that
would look wrong stops the build.
"""

from __future__ import annotations

import re
from html.entities import html5
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

BRACES = {"⏞", "⏟"}
UNDER_OR_OVER = {"msub": "munder", "msup": "mover"}


def latex_to_mathml(latex: str, *, display: bool) -> str:
    """The ``<math>`` element for one formula, on one line; ``display`` sets it as a block.

    Raises MathError for LaTeX that has no translation.
    """
    grouping = re.sub(r"\\.", "", latex)
    if grouping.count("{") != grouping.count("}"):
        raise MathError("Unbalanced braces.")  # which docutils closes by itself
    markup = re.sub(r"&(?!lt;|gt;|amp;|quot;)(\w+;)", _character, tex2mathml(latex, display))
    root = ElementTree.fromstring(markup.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', ""))
    for element in root.iter():
        if len(element):
            element.text = None  # indentation
        for child in element:
            child.tail = None
        # The label of a brace belongs under it, where docutils sets an index beside it.
        if element.tag in UNDER_OR_OVER and _is_braced(element[0]):
            element.tag = UNDER_OR_OVER[element.tag]
    return ElementTree.tostring(root, encoding="unicode")


def _is_braced(element: ElementTree.Element) -> bool:
    return element.tag in UNDER_OR_OVER.values() and (element[1].text or "").strip() in BRACES


def _character(named_entity: re.Match[str]) -> str:
    return html5[named_entity[1]]


def _convert(node: nodes.Element, *, display: bool) -> str | None:
    """The formula's MathML; None, with a warning at its place in the source, if it has none."""
    try:
        return latex_to_mathml(node.astext(), display=display)
    except MathError as error:
        logger.warning("no MathML for %r: %s", node.astext(), error, location=node, type="mathml")
        return None


def visit_math(self: HTML5Translator, node: nodes.Element) -> None:
    """Set a formula in the line."""
    mathml = _convert(node, display=False)
    fallback = f"<code>{self.encode(node.astext())}</code>"
    self.body.append(f'<span class="math">{mathml or fallback}</span>')
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.Element) -> None:
    """Set a displayed formula, numbered if it has a label."""
    mathml = _convert(node, display=True)
    # A formula wider than a phone scrolls in its own box, which the keyboard must reach.
    box = {"role": "group", "aria-label": "Equation", "tabindex": "0"}
    self.body.append(self.starttag(node, "div", CLASS="math", **box))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(mathml or f"<pre>{self.encode(node.astext())}</pre>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer; ``html_math_renderer: mathml`` chooses it."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
