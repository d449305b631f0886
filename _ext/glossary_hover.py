"""A term's definition where the term is used: a link to the glossary carries its first sentence.

So does a citation: its link carries the entry of the bibliography, in place of a browser's own
tooltip, which nobody sees who has no mouse. book.css shows both under the paragraph while the link
is pointed at or has the focus. The link itself stays, so nothing is lost on a phone.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

GLOSSARY = "chapters/glossary"
LINK = re.compile(r'<a class="reference internal" href="([^"#]*glossary\.html)?#(term-[^"]+)"')
CITATION = re.compile(r'(<a class="reference internal" href="[^"#]*#id\d+") title="([^"]+)"')
ADDRESS = re.compile(r" URL: \S+$")
SENTENCE = re.compile(r"(.+?[.:])(\s|$)", re.DOTALL)


def definitions(glossary: nodes.document) -> dict[str, str]:
    """By the term's anchor."""
    found: dict[str, str] = {}
    for entries in glossary.findall(addnodes.glossary):
        for item in entries.findall(nodes.definition_list_item):
            text = " ".join(next(item.findall(nodes.paragraph)).astext().split())
            sentence = SENTENCE.match(text)
            for term in item.findall(nodes.term):
                found |= dict.fromkeys(term["ids"], sentence[1] if sentence else text)
    return found


def told(body: str, of: dict[str, str]) -> str:
    """`body` with the definition in each link to a term, and the entry in each citation."""

    def link(found: re.Match[str]) -> str:
        definition = of.get(found[2])
        return f'{found[0]} data-definition="{escape(definition)}"' if definition else found[0]

    def citation(found: re.Match[str]) -> str:
        return f'{found[1]} data-definition="{ADDRESS.sub("", found[2])}"'

    return CITATION.sub(citation, LINK.sub(link, body))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the pages, other than the glossary's own."""

    @cache
    def of() -> dict[str, str]:
        there = GLOSSARY in app.env.found_docs
        return definitions(app.env.get_doctree(GLOSSARY)) if there else {}

    def mend_page(
        app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
    ) -> None:
        if "body" in context and pagename != GLOSSARY:
            context["body"] = told(context["body"], of())

    app.connect("html-page-context", mend_page, priority=410)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
