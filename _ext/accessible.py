"""What the theme and the writers leave out for keyboards and screen readers."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

SCROLLING = "div.output.text_html:has(table), div.pst-scrollable-table-container"


def name_toggles(navigation: BeautifulSoup) -> None:
    """Say what the arrow beside a chapter in the navigation opens."""
    for item in navigation.select("li.has-children"):
        summary, link = item.find("summary"), item.find("a")
        if summary is not None and link is not None:
            summary["aria-label"] = f"Pages under {link.get_text(strip=True)}"


def mend_body(body: BeautifulSoup) -> None:
    """Give lists their items, and wide tables a box that the keyboard can scroll."""
    for entry in body.select('[role="list"] > [role="doc-biblioentry"]'):
        entry["role"] = "listitem"
    for box in body.select(SCROLLING):
        box["tabindex"] = "0"
        box["role"] = "group"
        box["aria-label"] = "Table"


def mend_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Mend the page's body, and its navigation when the template asks for it."""
    if "body" in context:
        body = BeautifulSoup(context["body"], "html.parser")
        mend_body(body)
        context["body"] = str(body)
    generate = context.get("generate_toctree_html")
    if generate is not None:

        def generate_named(*args: Any, **kwargs: Any) -> Any:
            navigation = generate(*args, **kwargs)
            if not isinstance(navigation, str):
                name_toggles(navigation)
            return navigation

        context["generate_toctree_html"] = generate_named


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect after the theme has made its navigation."""
    app.connect("html-page-context", mend_page, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
