"""The ledger's page, generated when it is read, and the role by which chapters quote its verdicts.

{{ ledger }}                in a source: the generated entries
{verdict}`eighty-tokens`    in the text: the verdict of that claim, linked to its entry
"""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from labtools.course.ledger import Verdict, claims, ledger_markdown

PLACE = "{{ ledger }}"


def filter_markup() -> str:
    """Buttons that leave the claims of one verdict; book.css does the rest, without a script."""
    boxes = "".join(
        f'<label><input type="radio" name="shown" value="{value}"{" checked" * (value == "all")}> '
        f"{words}</label>"
        for value, words in (("all", "all"), *((v.css_class, str(v)) for v in Verdict))
    )
    legend = "<legend>Show the claims whose verdict is</legend>"
    return f'<fieldset class="ledger-filter">{legend}{boxes}</fieldset>'


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the ledger where a source asks for it."""
    if PLACE in source[0]:
        source[0] = source[0].replace(
            PLACE, f"{filter_markup()}\n\n{ledger_markdown(claims().values())}"
        )


class VerdictRole(SphinxRole):
    """A claim's verdict as a link to its entry in the ledger."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The link; an unknown claim is an error of the source."""
        claim = claims().get(self.text)
        if claim is None:
            known = ", ".join(claims())
            message = self.inliner.reporter.error(
                f"Unknown claim: {self.text!r}. Allowed: {known}.", line=self.lineno
            )
            return [], [message]
        words = nodes.inline(self.rawtext, claim.verdict_words.replace("*", ""))
        link = addnodes.pending_xref(
            self.rawtext,
            words,
            refdomain="std",
            reftype="ref",
            reftarget=claim.target,
            refexplicit=True,
            refwarn=True,
            refdoc=self.env.docname,
        )
        chip = nodes.inline("", "", link, classes=[claim.verdict.css_class])
        return [chip], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the page and register the role."""
    app.connect("source-read", fill_in)
    app.add_role("verdict", VerdictRole())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
