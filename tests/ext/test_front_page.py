"""What the front page says of getting the course, and what a link to a page shows."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import how_to_cite
import llms_txt
import pytest
from bs4 import BeautifulSoup
from docutils.core import publish_doctree
from get_the_course import PLACE, fill_in
from social_preview import LONGEST, add_tags, draw_picture, tags


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("", "In the folder of the course:\n\n```bash\nmake course\n```"),
        (
            "https://github.com/owner/name/",
            "```bash\ngit clone https://github.com/owner/name\ncd name\nmake course\n```",
        ),
        (
            "https://example.org/a/name.git",
            "```bash\ngit clone https://example.org/a/name.git\ncd name\nmake course\n```",
        ),
    ],
)
def test_the_course_is_got_where_it_is(repository: str, expected: str) -> None:
    app: Any = SimpleNamespace(
        config=SimpleNamespace(html_theme_options={"repository_url": repository})
    )
    source = [f"before\n{PLACE}\nafter"]
    fill_in(app, "index", source)
    assert source == [f"before\n{expected}\nafter"]


@pytest.mark.parametrize("repository", ["", "https://github.com/owner/name"])
def test_the_course_is_cited_as_its_citation_file_says(repository: str) -> None:
    app: Any = SimpleNamespace(
        srcdir=Path(__file__).parents[2],
        env=SimpleNamespace(note_dependency=lambda _: None),
        config=SimpleNamespace(html_theme_options={"repository_url": repository}, copyright="2026"),
    )
    source = [how_to_cite.PLACE]
    how_to_cite.fill_in(app, "chapters/bibliography", source)
    shown = source[0].splitlines()
    assert shown[1] == "@software{latency_multiplier,"
    assert "  author = {{The Latency Multiplier contributors}}," in shown
    assert "  year = {2026}," in shown
    assert any("hands-on course" in line for line in shown)
    assert [line for line in shown if "url" in line] == [f"  url = {{{repository}}},"] * bool(
        repository
    )


def head(text: str | None, base: str = "", **context: str) -> dict[str, str]:
    """The tags of a page whose text this is, by their names."""
    app: Any = SimpleNamespace(config=SimpleNamespace(html_title="The book", html_baseurl=base))
    page: dict[str, Any] = {"metatags": '<meta name="old" content="kept">', **context}
    add_tags(app, "page", "page.html", page, text and publish_doctree(text))
    tags = BeautifulSoup(page["metatags"], "html.parser").find_all("meta")
    return {tag.get("property") or tag["name"]: tag["content"] for tag in tags}


def test_a_shared_link_shows_title_and_first_paragraph() -> None:
    shown = head('Title\n=====\n\nSay "n*" & go.\n\nMore.', title="1. Tails &amp; <em>queues</em>")
    assert shown["old"] == "kept"
    assert shown["og:title"] == "1. Tails & queues"
    assert shown["og:description"] == shown["description"] == 'Say "n*" & go.'
    assert "og:url" not in shown


def test_a_long_paragraph_is_cut_between_words() -> None:
    told = head("word " * 100)["og:description"]
    assert len(told) <= LONGEST
    assert told.endswith("word ...")


def test_a_page_without_text_has_the_books_name() -> None:
    shown = head(None, pageurl="https://example.org/search.html")
    assert shown["og:title"] == shown["og:site_name"] == "The book"
    assert shown["og:url"] == "https://example.org/search.html"
    assert "og:description" not in shown


def test_a_page_with_a_public_address_shows_a_picture() -> None:
    shown = head("Text.", "https://example.org/book/")
    assert shown["og:image"] == "https://example.org/book/_static/social-preview.png"
    assert shown["twitter:card"] == "summary_large_image"
    assert "og:image" not in head("Text.")


def test_the_picture_has_the_size_of_a_preview(tmp_path: Path) -> None:
    draw_picture(tmp_path / "made" / "picture.png", "The book")
    header = (tmp_path / "made" / "picture.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:24]) == (1200, 630)


def test_programs_find_every_page_in_its_order_with_its_first_sentence(tmp_path: Path) -> None:
    outline = {"index": ["chapters/b", "chapters/a"], "chapters/b": ["labs/b"]}
    for name in ("index", "chapters/a", "chapters/b", "labs/b"):
        page = tmp_path / f"{name}.html"
        page.parent.mkdir(exist_ok=True)
        told = tags(name, "Book", f"On {name}: 0.5 s &. More.")
        page.write_text(f"{told}<title>1. {name} &#8212; Book</title>", encoding="utf-8")
    app: Any = SimpleNamespace(
        builder=SimpleNamespace(name="html"),
        config=SimpleNamespace(html_title="Book", root_doc="index"),
        env=SimpleNamespace(toctree_includes=outline),
        outdir=tmp_path,
    )
    llms_txt.write(app, None)
    assert (tmp_path / "llms.txt").read_text("utf-8").splitlines() == [
        "# Book",
        "",
        *(
            f"- [1. {name}]({name}.html): On {name}: 0.5 s &."
            for name in ("index", "chapters/b", "labs/b", "chapters/a")
        ),
    ]


def test_a_page_without_a_sentence_is_listed_by_its_title() -> None:
    assert llms_txt.entry("a.html", "<title>A &#8212; Book</title>") == "- [A](a.html)\n"
