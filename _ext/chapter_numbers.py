"""Roles for a chapter and its lab by name, so that no number is typed: both follow the list.

{chapter}`routing`      "Chapter 3", linked to the chapter
{lab}`routing`          "Lab 3", linked to its lab
"""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from labtools.course import number_of
from labtools.errors import ConfigurationError


class NumberRole(SphinxRole):
    """The number of a chapter as a link to what has it."""

    def __init__(self, word: str, folder: str) -> None:
        self.word, self.folder = word, folder

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The link; an unknown chapter is an error of the source."""
        try:
            number = number_of(self.text)
        except ConfigurationError as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]
        link = addnodes.pending_xref(
            self.rawtext,
            nodes.inline(self.rawtext, f"{self.word}\N{NO-BREAK SPACE}{number}"),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{self.folder}/{self.text}",
            refexplicit=True,
            refwarn=True,
            refdoc=self.env.docname,
        )
        return [link], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both roles."""
    app.add_role("chapter", NumberRole("Chapter", "chapters"))
    app.add_role("lab", NumberRole("Lab", "labs"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
