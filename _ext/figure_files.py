"""Figures as files of their own, for both colour schemes, each with a number to link to.

The output of a cell holds its figure whole, once for wide windows and once for narrow ones, on a
light ground. In a notebook that is right. A page names files instead: each drawing as it is for the
light scheme, and in the dark scheme's colours on no ground at all. The browser asks only for those
that are shown.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from labtools.plots import colours

FOLDER = "_images"
FIGURE = re.compile(r'<figure class="(lab-figure[^"]*)">(.*?)</figure>', re.DOTALL)
PICTURE = re.compile(r"<picture>.*?</picture>", re.DOTALL)
EMBEDDED = re.compile(r'(srcset|src)="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)"')
CAPTION = re.compile(r"<figcaption>(.*)</figcaption>", re.DOTALL)
SIZE = re.compile(r'<svg [^>]*?\bheight="([\d.]+)pt"[^>]*?\bwidth="([\d.]+)pt"', re.DOTALL)
APPENDIX = re.compile(r"Appendix ([A-Z]):")
GROUND = re.compile(r'(<g id="patch_[12]">\s*<path [^>]*?fill: )#ffffff')

DARK_PAGE = "#121212"
DARK = {
    colours.INK: "#E4E4E4",
    colours.MUTED: "#A8A8A8",
    colours.TTFT: "#EB7424",
    colours.DECODE: "#4BA6E0",
    colours.TOOL: "#1DB78B",
    colours.HIGHLIGHT_TEXT: "#E39CC6",
    colours.REST: "#3C434C",
}
"""What a colour of the canvas becomes; those that are not named read on both grounds."""
_COLOUR = re.compile("|".join(DARK), re.IGNORECASE)
_IN_THE_DARK = {light.lower(): dark for light, dark in DARK.items()}


def in_the_dark(svg: str) -> str:
    """The drawing for a dark page: no ground, light ink, and dark words on its bars."""
    svg = GROUND.sub(r"\1none", svg).replace("#ffffff", DARK_PAGE)
    return _COLOUR.sub(lambda colour: _IN_THE_DARK[colour[0].lower()], svg)


def stored_apart(body: str, folder: Path, address: Callable[[str], str], chapter: str = "") -> str:
    """`body` with each embedded drawing in files of `folder`, named by their `address`.

    Its figures are counted, as "Figure 3.1" in chapter 3 and as "Figure 1" elsewhere.
    """

    def store(embedded: re.Match[str], dark: bool) -> str:
        svg = base64.b64decode(embedded[2]).decode()
        size = SIZE.search(svg)
        svg = in_the_dark(svg) if dark else svg
        name = f"{hashlib.sha256(svg.encode()).hexdigest()[:20]}.svg"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(svg, encoding="utf-8")
        room = f' width="{float(size[2]):.0f}" height="{float(size[1]):.0f}"' if size else ""
        return f'{embedded[1]}="{address(name)}"{room}'

    def both(picture: re.Match[str]) -> str:
        lazy = picture[0].replace("<img ", '<img loading="lazy" ')
        return "".join(
            EMBEDDED.sub(
                partial(store, dark=scheme == "dark"),
                lazy.replace("<picture>", f'<picture class="in-the-{scheme}">'),
            )
            for scheme in ("light", "dark")
        )

    count = 0

    def numbered(figure: re.Match[str]) -> str:
        nonlocal count
        count += 1
        id_ = f"figure-{count}"
        number = f'<a class="figure-number" href="#{id_}">Figure {chapter}{count}</a>'
        inner = PICTURE.sub(both, figure[2])
        told = CAPTION.search(inner)
        words = f" {told[1]}" if told else ""
        inner = CAPTION.sub("", inner)
        return (
            f'<figure class="{figure[1]}" id="{id_}">{inner}'
            f"<figcaption>{number}{words}</figcaption></figure>"
        )

    return FIGURE.sub(numbered, body)


def series(number: str, title: str) -> str:
    """What the numbers of a page's figures begin with: its chapter's, or its appendix's letter."""
    appendix = APPENDIX.match(title)
    name = appendix[1] if appendix else number
    return f"{name}." if name else ""


def mend_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Move the page's figures out of it."""
    if "body" not in context:
        return
    number, *_ = app.env.toc_secnumbers.get(pagename, {}).get("") or ("",)
    context["body"] = stored_apart(
        context["body"],
        Path(app.outdir) / FOLDER,
        lambda name: context["pathto"](f"{FOLDER}/{name}", resource=True),
        series(str(number), context["title"]) if pagename.startswith("chapters/") else "",
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect before the page is parsed and mended otherwise, while it is short work."""
    app.connect("html-page-context", mend_page, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
