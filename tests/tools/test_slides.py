"""Slides: each figure of a page on one, with its drawing inside it and its heading above it."""

from __future__ import annotations

from pathlib import Path

import pytest
from slides import slides

PAGE = """<article><section><h1>1. Title<a>#</a></h1><p>A number opens.</p>
<section><h2>A claim</h2>
<figure class="lab-figure" id="figure-1"><picture class="in-the-light">
<source srcset="n.svg"><img alt="a" loading="lazy" src="w.svg"></picture>
<picture class="in-the-dark"><img alt="a" src="d.svg"></picture>
<figcaption>What it shows.</figcaption></figure>
<div class="admonition important"><ul><li>Keep this.</li></ul></div>
</section></section></article>"""


def test_a_deck_has_title_figures_and_what_to_take_away(tmp_path: Path) -> None:
    (tmp_path / "w.svg").write_text("<svg/>")
    (tmp_path / "page.html").write_text(PAGE)
    (title, opening), (heading, figure), (last, kept) = slides(tmp_path / "page.html")
    assert (title, opening) == ("1. Title", "<p>A number opens.</p>")
    assert heading == "A claim"
    assert "data:image/svg+xml;base64,PHN2Zy8+" in figure
    assert "What it shows." in figure
    assert "d.svg" not in figure
    assert "n.svg" not in figure
    assert (last, kept) == ("Take away", "<ul><li>Keep this.</li></ul>")


def test_a_page_without_an_article_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p></p>")
    with pytest.raises(ValueError, match="no article"):
        list(slides(tmp_path / "page.html"))
