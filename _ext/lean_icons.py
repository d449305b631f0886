"""Cut the theme's icons down to those that the book uses, about 30 of 2,000.

The theme brings Font Awesome three times over: as a web font, as the style rules that name the
font's icons, and once more as 1.5 MB of JavaScript for icons that a site may add. Together they
are most of what a reader would download for a page of this book.
"""

from __future__ import annotations

import logging as standard_logging
import re
from collections.abc import Iterable
from pathlib import Path

from fontTools.subset import Options, Subsetter, load_font, save_font
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

ICON_NAME = re.compile(r"\bfa-[a-z0-9-]+")
ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+::?before,?)+)\{content:"[^"]+"\}')
ESCAPED_CHARACTER = re.compile(r"\\([0-9a-f]{4})")
PRIVATE_USE = range(0xE000, 0xF900)


def without_unused_rules(css: str, used: set[str]) -> str:
    """`css` less the rules for icons whose names are not in `used`."""

    def kept(rule: re.Match[str]) -> str:
        return rule[0] if used.intersection(ICON_NAME.findall(rule[1])) else ""

    return ICON_RULE.sub(kept, css)


def icon_characters(css: str) -> set[int]:
    """The code points of all icons that `css` names, as characters or escaped."""
    found = {int(digits, 16) for digits in ESCAPED_CHARACTER.findall(css)} | set(map(ord, css))
    return found.intersection(PRIVATE_USE)


def subset(font: Path, characters: Iterable[int]) -> None:
    """Rewrite a WOFF2 font with these characters only."""
    standard_logging.getLogger("fontTools").setLevel(standard_logging.WARNING)
    options = Options(flavor="woff2", desubroutinize=True)
    cut = load_font(str(font), options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(cut)
    save_font(cut, str(font), options)


def cut_icons(app: Sphinx, failure: Exception | None) -> None:
    """Rewrite the built book's icon rules, fonts and script."""
    if failure is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    theme_css = static / "styles" / "pydata-sphinx-theme.css"
    script = static / "scripts" / "fontawesome.js"
    fonts = sorted(static.glob("vendor/fontawesome/webfonts/*.woff2"))
    if not (theme_css.exists() and script.exists() and fonts):
        logger.warning("the theme's icons are not where they were: see _ext/lean_icons.py")
        return
    script.write_text("/* The icons come from the web font. */\n", encoding="utf-8")
    for source_map in static.rglob("*.map"):
        source_map.unlink()

    users = [*Path(app.outdir).rglob("*.html"), *static.rglob("*.js")]
    used = {name for user in users for name in ICON_NAME.findall(user.read_text(encoding="utf-8"))}
    theme_css.write_text(
        without_unused_rules(theme_css.read_text(encoding="utf-8"), used), encoding="utf-8"
    )
    sheets = [sheet.read_text(encoding="utf-8") for sheet in static.rglob("*.css")]
    characters = set().union(*map(icon_characters, sheets))
    for font in fonts:
        subset(font, characters)
        font.with_suffix(".ttf").unlink(missing_ok=True)  # for browsers without WOFF2


def setup(app: Sphinx) -> dict[str, bool]:
    """Run when everything is in place."""
    app.connect("build-finished", cut_icons, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
