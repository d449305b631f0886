"""Numbers that were computed while the book was built get a minus sign where Python writes a
hyphen.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

HYPHEN = re.compile(r"(?<![\w.])-(?=\d)")


def mend(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Mend what ``{glue:text}`` has put into the page."""
    for inline in doctree.findall(nodes.inline):
        if "pasted-text" in inline["classes"]:
            for text in list(inline.findall(nodes.Text)):
                text.parent.replace(text, nodes.Text(HYPHEN.sub("−", text)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect when all that is pasted is in place."""
    app.connect("doctree-resolved", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
