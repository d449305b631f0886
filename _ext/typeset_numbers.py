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
    before = ""
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, AS_WRITTEN):
            before = ""
            continue
        pasted = "pasted-text" in text.parent.get("classes", ())
        mended = UNIT.sub("\N{NO-BREAK SPACE}", before + str(text))[len(before) :]
        if pasted:
            mended = HYPHEN.sub("\N{MINUS SIGN}", mended)
        before = mended if pasted else ""
        text.parent.replace(text, nodes.Text(mended))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect when all that is pasted is in place."""
    app.connect("doctree-resolved", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
