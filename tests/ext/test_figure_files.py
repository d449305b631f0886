"""A page's figures become files: each drawing once, and the page names it."""

from __future__ import annotations

import re
from pathlib import Path

from figure_files import stored_apart

from labtools.plots.canvas import LabFigure

FIGURE = LabFigure("<svg>wide</svg>", "<svg>narrow</svg>", "what it shows")


def test_both_drawings_are_stored_and_named_where_they_stood(tmp_path: Path) -> None:
    body = stored_apart(f"<p>a</p>{FIGURE.html}", tmp_path / "made", lambda name: f"../made/{name}")
    narrow, wide = re.findall(r'(?:srcset|src)="\.\./made/([^"]+)"', body)
    assert (tmp_path / "made" / wide).read_text() == "<svg>wide</svg>"
    assert (tmp_path / "made" / narrow).read_text() == "<svg>narrow</svg>"
    assert "base64" not in body
    assert body.startswith("<p>a</p><figure")
    assert 'alt="what it shows"' in body


def test_the_same_drawing_is_one_file(tmp_path: Path) -> None:
    stored_apart(FIGURE.html + FIGURE.html, tmp_path, str)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_page_without_figures_stays_and_writes_nothing(tmp_path: Path) -> None:
    assert stored_apart("<p>a</p>", tmp_path / "made", str) == "<p>a</p>"
    assert not (tmp_path / "made").exists()
