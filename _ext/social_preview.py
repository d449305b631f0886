"""What a link to a page shows where somebody shares it: its title and its first paragraph.

With ``html_baseurl`` the page's address is named too, and a picture that the build draws: the race
of the front page, as a bitmap, since no preview shows an SVG.
"""

from __future__ import annotations

import re
import textwrap
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from labtools.model.named_profiles import FAST, SLOW
from labtools.plots.colours import DECODE, INK, PAPER, TTFT

LONGEST = 200
PICTURE = "_static/social-preview.png"
SIZE_IN, DOTS = (12, 6.3), 100  # 1,200 by 630 pixels, as previews have them
CALLS, TOKENS = 20, 100
TAG = re.compile("<[^>]+>")


def description(doctree: nodes.document | None) -> str:
    """The page's first paragraph, cut where a preview would cut it."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree is not None else ()
    texts = (paragraph.astext() for paragraph in paragraphs)
    return textwrap.shorten(next(filter(None, texts), ""), LONGEST, placeholder=" ...")


def draw_picture(path: Path, title: str) -> None:
    """Twenty calls on the slow and the fast backend, as bars of seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, dpi=DOTS, facecolor=PAPER)
    figure.text(0.06, 0.82, title, fontsize=42, weight="bold", color=INK)
    axes = figure.add_axes((0.06, 0.12, 0.8, 0.55))
    for row, profile in enumerate((SLOW, FAST)):
        call_s, ttft_s = profile.e2e_latency_s(TOKENS), profile.ttft_s()
        starts = [number * call_s for number in range(CALLS)]
        axes.barh(-row, ttft_s, left=starts, height=0.6, color=TTFT)
        decode = [start + ttft_s for start in starts]
        axes.barh(-row, 0.94 * (call_s - ttft_s), left=decode, height=0.6, color=DECODE)
        total = f" {CALLS * call_s:.0f} s"
        axes.text(CALLS * call_s, -row, total, va="center", fontsize=34, color=INK)
    axes.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def tags(title: str, site: str, told: str, address: str = "", picture: str = "") -> str:
    """The tags of a page's head."""
    properties = {
        "og:type": "article",
        "og:site_name": site,
        "og:title": title,
        "og:description": told,
        "og:url": address,
        "og:image": picture,
    }
    card = "summary_large_image" if picture else "summary"
    named = {"description": told, "twitter:card": card}
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
    base = app.config.html_baseurl
    picture = f"{base.rstrip('/')}/{PICTURE}" if base else ""
    context["metatags"] = context.get("metatags", "") + tags(
        title, app.config.html_title, told, address, picture
    )


def add_picture(app: Sphinx, failure: Exception | None) -> None:
    """Draw the picture where there is an address to name it by."""
    if failure is None and app.config.html_baseurl:
        draw_picture(Path(app.outdir) / PICTURE, app.config.html_title)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the pages."""
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", add_picture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
