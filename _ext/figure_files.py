"""Figures as files of their own, so that a reader downloads only the drawing that is shown.

The output of a cell holds its figure whole, once for wide windows and once for narrow ones. In a
notebook that is right; a page of the site would be a third larger for it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

EMBEDDED = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
FOLDER = "_images"


def stored_apart(body: str, folder: Path, address: Callable[[str], str]) -> str:
    """`body` with each embedded SVG in a file of `folder`, and the file's `address` instead."""

    def store(embedded: re.Match[str]) -> str:
        svg = base64.b64decode(embedded[1])
        name = f"{hashlib.sha256(svg).hexdigest()[:20]}.svg"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(svg)
        return address(name)

    return EMBEDDED.sub(store, body)


def mend_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Move the page's figures out of it."""
    if "body" in context:
        context["body"] = stored_apart(
            context["body"],
            Path(app.outdir) / FOLDER,
            lambda name: context["pathto"](f"{FOLDER}/{name}", resource=True),
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect before the page is parsed and mended otherwise, while it is short work."""
    app.connect("html-page-context", mend_page, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
