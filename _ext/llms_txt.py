"""``llms.txt``: every page in its order with the first sentence of it, for programs that read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from sphinx.application import Sphinx

TITLE = re.compile(r"<title>(.*?)(?: &#8212; .*?)?</title>")
DESCRIPTION = re.compile(r'<meta name="description" content="(.*?)">')
END_OF_SENTENCE = re.compile(r"(?<=[.?!])\s")


def entry(page: str, html: str) -> str:
    """A page's line: its title, its address, and its first sentence where it has one."""
    title, told = (unescape("".join(tag.findall(html)[:1])) for tag in (TITLE, DESCRIPTION))
    return f"- [{title}]({page})" + f": {END_OF_SENTENCE.split(told)[0]}" * bool(told) + "\n"


def in_order(pages: dict[str, list[str]], page: str) -> Iterator[str]:
    """The page, then those below it in the outline."""
    yield page
    for below in pages.get(page, ()):
        yield from in_order(pages, below)


def write(app: Sphinx, failure: Exception | None) -> None:
    """Write the list beside the pages, once they are there."""
    if failure is None and app.builder.name == "html":
        names = in_order(app.env.toctree_includes, app.config.root_doc)
        pages = {f"{name}.html": Path(app.outdir, f"{name}.html") for name in names}
        lines = [entry(page, path.read_text("utf-8")) for page, path in pages.items()]
        text = f"# {app.config.html_title}\n\n{''.join(lines)}"
        Path(app.outdir, "llms.txt").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the end of the build."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
