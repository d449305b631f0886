"""What a link to a page shows where somebody shares it: its title and its first paragraph.

With ``html_baseurl`` the page's address is named too. There is no picture: that would take a bitmap
at a public address.
"""

from __future__ import annotations

import re
import textwrap
from html import escape, unescape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200
TAG = re.compile("<[^>]+>")


def description(doctree: nodes.document | None) -> str:
    """The page's first paragraph, cut where a preview would cut it."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree is not None else ()
    texts = (paragraph.astext() for paragraph in paragraphs)
    return textwrap.shorten(next(filter(None, texts), ""), LONGEST, placeholder=" ...")


def tags(title: str, site: str, told: str, address: str = "") -> str:
    """The tags of a page's head."""
    properties = {
        "og:type": "article",
        "og:site_name": site,
        "og:title": title,
        "og:description": told,
        "og:url": address,
    }
    named = {"description": told, "twitter:card": "summary"}
    return "".join(
        f'<meta {key}="{name}" content="{escape(value, quote=True)}">\n'
        for key, values in (("property", properties), ("name", named))
        for name, value in values.items()
        if value
    )


def add_tags(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Add them to the page's other tags."""
    title = unescape(TAG.sub("", context.get("title", ""))) or app.config.html_title
    address = context.get("pageurl") or ""
    told = description(doctree)
    context["metatags"] = context.get("metatags", "") + tags(
        title, app.config.html_title, told, address
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the pages."""
    app.connect("html-page-context", add_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
