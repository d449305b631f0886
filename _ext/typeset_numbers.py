"""Numbers as a typesetter sets them: a minus sign where Python writes a hyphen in what was computed
while the book was built, and no line's end between a number and its seconds.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

HYPHEN = re.compile(r"(?<![\w.])-(?=\d)")
UNIT = re.compile(r"(?<=\d) (?=m?s\b)")
AS_WRITTEN = (nodes.literal, nodes.literal_block, nodes.raw, nodes.math)


def mend(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Mend the page's texts. What ``{glue:text}`` has put into it is in an inline of its own."""
    for element in doctree.findall(nodes.TextElement):
        if isinstance(element, AS_WRITTEN):
            continue
        before = ""  # a number that ends in front of the text
        for place, child in enumerate(element.children):
            if isinstance(child, nodes.Text):
                text = UNIT.sub("\N{NO-BREAK SPACE}", before + child)[len(before) :]
                if _is_pasted(element):
                    text = HYPHEN.sub("\N{MINUS SIGN}", text)
                element[place] = nodes.Text(text)
            before = child.astext() if _is_pasted(child) else ""


def _is_pasted(node: nodes.Node) -> bool:
    return isinstance(node, nodes.inline) and "pasted-text" in node["classes"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect when all that is pasted is in place."""
    app.connect("doctree-resolved", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
