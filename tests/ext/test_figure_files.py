"""A page's figures become files: each drawing once a scheme, and the page names and numbers it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from figure_files import DARK, DARK_PAGE, in_the_dark, series, stored_apart

from labtools.plots import colours
from labtools.plots.canvas import LabFigure, canvas

FIGURE = LabFigure("<svg>wide</svg>", "<svg>narrow</svg>", "what it shows", "A caption.")


def test_every_drawing_is_stored_and_named_where_it_stood(tmp_path: Path) -> None:
    body = stored_apart(f"<p>a</p>{FIGURE.html}", tmp_path / "made", lambda name: f"../made/{name}")
    light, dark = re.findall(r'<picture class="in-the-(light|dark)">(.*?)</picture>', body)
    assert (light[0], dark[0]) == ("light", "dark")
    for _, picture in (light, dark):
        narrow, wide = re.findall(r'(?:srcset|src)="\.\./made/([^"]+)"', picture)
        assert (tmp_path / "made" / wide).read_text() == "<svg>wide</svg>"
        assert (tmp_path / "made" / narrow).read_text() == "<svg>narrow</svg>"
        assert 'loading="lazy"' in picture
        assert 'alt="what it shows"' in picture
    assert "base64" not in body
    assert body.startswith("<p>a</p><figure")


def test_figures_are_numbered_and_can_be_linked_to(tmp_path: Path) -> None:
    bare = LabFigure("<svg/>", "<svg/>", "bare").html
    body = stored_apart(FIGURE.html + bare, tmp_path, str, chapter="3.")
    assert re.findall(r'<figure [^>]*id="([^"]+)"', body) == ["figure-1", "figure-2"]
    assert re.findall(r'href="(#[^"]+)">(Figure [^<]+)</a>([^<]*)', body) == [
        ("#figure-1", "Figure 3.1", " A caption."),
        ("#figure-2", "Figure 3.2", ""),
    ]


def test_a_figure_bears_its_chapters_number_or_its_appendixs_letter() -> None:
    assert series("3", "Routing") == "3."
    assert series("", "Appendix B: A real engine") == "B."
    assert series("", "Cheat sheet") == ""


def test_the_same_drawing_is_one_file(tmp_path: Path) -> None:
    stored_apart(FIGURE.html + FIGURE.html, tmp_path, str)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_page_without_figures_stays_and_writes_nothing(tmp_path: Path) -> None:
    assert stored_apart("<p>a</p>", tmp_path / "made", str) == "<p>a</p>"
    assert not (tmp_path / "made").exists()


def test_a_dark_page_gets_a_drawing_without_a_ground_and_with_light_ink() -> None:
    with canvas() as drawing:
        drawing.bar(0, (1, colours.DECODE, "blue"), (1, colours.WAITING, "grey"), end="a bar")
        light = drawing.done("a bar").svg
    dark = in_the_dark(light)
    assert "#ffffff" in light
    assert "#ffffff" not in dark.lower()
    for light_ink in (colours.INK, colours.DECODE):
        assert light_ink.lower() in light
        assert light_ink.lower() not in dark.lower()
    assert colours.ON_PALE.lower() in dark  # words on a pale bar stay dark


@pytest.mark.parametrize("colour", [colour for colour in DARK.values() if colour != "#3C434C"])
def test_words_in_any_colour_can_be_read_on_a_dark_page(colour: str) -> None:
    assert contrast(colour, DARK_PAGE) >= 4.5


@pytest.mark.parametrize("bar", [colours.TTFT, colours.DECODE, colours.TOOL])
def test_words_on_a_bar_can_be_read_on_a_dark_page(bar: str) -> None:
    assert contrast(DARK[bar], DARK_PAGE) >= 4.5


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
