"""What must hold for every page of the built book, in the browser and in its files."""

from __future__ import annotations

from functools import cache

import pytest
from built_book import glossary_terms, internal_references, pages
from site_browser import SCHEMES, WIDTHS, SiteBrowser, Visit

PAGE_WEIGHT_BYTES = 1_000_000
GRAVE = {"serious", "critical"}

pytestmark = pytest.mark.site
# A worker looks at a page in each view once, for all tests of it (with --dist loadgroup).
every_page = pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in pages() or ["index.html"]],
)


@cache
def looked_at(browser: SiteBrowser, page: str, width: int, scheme: str) -> Visit:
    return browser.visit(page, width=width, scheme=scheme)


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids=str)
def view(request: pytest.FixtureRequest) -> tuple[int, str]:
    width, scheme = request.param
    return width, scheme


@every_page
def test_page_is_whole_without_any_other_host(
    browser: SiteBrowser, page: str, view: tuple[int, str]
) -> None:
    seen = looked_at(browser, page, *view)
    assert seen.foreign_requests == []
    assert seen.failed_requests == []
    assert seen.console_errors == []
    assert seen.unnamed_images == []
    assert 0 < seen.received_bytes < PAGE_WEIGHT_BYTES


@every_page
def test_page_fits_its_window(browser: SiteBrowser, page: str, view: tuple[int, str]) -> None:
    seen = looked_at(browser, page, *view)
    assert seen.scheme == view[1]
    assert seen.overflowing == []


@every_page
def test_page_has_no_grave_accessibility_fault(
    browser: SiteBrowser, page: str, view: tuple[int, str]
) -> None:
    seen = looked_at(browser, page, *view)
    faults = [
        f"{found['id']} ({found['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for found in seen.violations
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]
    assert faults == []


@every_page
def test_page_reads_the_same_without_javascript(browser: SiteBrowser, page: str) -> None:
    if page == "search.html":
        pytest.skip("a search runs in the browser")
    plain = browser.visit(page, width=1280, scheme="light", javascript=False)
    scripted = looked_at(browser, page, 1280, "light")
    assert plain.visible_text
    assert plain.unnamed_images == plain.overflowing == []
    assert [text for text in scripted.visible_text if text not in plain.visible_text] == []


@every_page
def test_internal_links_and_anchors_are_alive(book: None, page: str) -> None:
    references = internal_references(page)
    assert references
    assert [fault for reference in references if (fault := reference.fault())] == []


@pytest.mark.parametrize(("term", "place"), glossary_terms().items() or [("TTFT", "")])
def test_search_finds_every_term_of_the_glossary_first(
    browser: SiteBrowser, term: str, place: str
) -> None:
    assert browser.found_by_search(term)[0] == place
