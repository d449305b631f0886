"""What `labtools evaluate` writes for people, opened as they would."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from report_pictures import FOLDER, SHOWN, rehearse
from serve import address, book_server
from site_browser import SCHEMES, SiteBrowser, chromium_path, site_browser

pytestmark = pytest.mark.site
PAGES = ("larch/report.html", "comparison.html")
LARGEST_BYTES = 1_000_000
PICTURE_BYTES = 80_000


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    rehearse(out)
    return out


@pytest.fixture(scope="module")
def browser(reports: Path) -> Iterator[SiteBrowser]:
    executable = chromium_path()
    if executable is None:
        reason = "no Chromium: install chromium, or name one in the variable CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with book_server(reports, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with site_browser(executable, address(server)) as opened:
            yield opened
        server.shutdown()


def test_reports_fit_read_and_ask_nobody(browser: SiteBrowser) -> None:
    for page, scheme in product(PAGES, SCHEMES):  # in one test: one rehearsal for all
        seen = browser.visit(page, scheme=scheme)
        assert seen.faults == {}, (page, scheme)
        assert 0 < seen.received_bytes < LARGEST_BYTES


def test_the_chapter_shows_pictures_of_it_that_are_small() -> None:
    chapter = (FOLDER.parents[1] / "chapters" / "evaluation.md").read_text(encoding="utf-8")
    shown = BeautifulSoup(chapter, "html.parser").select("figure.screenshot :is(img, source)")
    names = {str(image.get("src") or image["srcset"]).rpartition("/")[2] for image in shown}
    assert names == {f"comparison-{width}-{scheme}.png" for width in SHOWN for scheme in SCHEMES}
    assert max((FOLDER / name).stat().st_size for name in names) < PICTURE_BYTES
