"""Roles for a chapter and its lab by name, so that no number is typed: they follow the list.

{chapter}`routing`      "Chapter 3", linked to the chapter
{lab}`routing`          "Lab 3", linked to its lab
{minutes}`routing`      "40 + 30", the minutes of the lab and of its exercises, as its head has them
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from labtools.course import number_of
from labtools.errors import ConfigurationError

HEAD = re.compile(r"^- \*\*Minutes:\*\* (\d+)\n- \*\*Exercises:\*\* another (\d+)$", re.MULTILINE)


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


class MinutesRole(SphinxRole):
    """The minutes that the head of a lab states."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Both numbers; a lab that does not say them is an error of the source."""
        lab = Path(self.env.srcdir) / "labs" / f"{self.text}.ipynb"
        self.env.note_dependency(str(lab))
        try:
            text = nodes.Text(" + ".join(map(str, minutes(lab))))
        except (OSError, ValueError) as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]
        return [text], []


def minutes(lab: Path) -> tuple[int, int]:
    """Of the lab, and of its exercises besides. Raises ValueError where its head lacks them."""
    head = "".join(json.loads(lab.read_text(encoding="utf-8"))["cells"][0]["source"])
    found = HEAD.search(head)
    if found is None:
        raise ValueError(
            f"the head of {lab.name} has no minutes: it needs the lines '- **Minutes:** 25' and "
            "'- **Exercises:** another 25'"
        )
    return int(found[1]), int(found[2])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the roles."""
    app.add_role("chapter", NumberRole("Chapter", "chapters"))
    app.add_role("lab", NumberRole("Lab", "labs"))
    app.add_role("minutes", MinutesRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
