"""What must hold for every page of the built book, in the browser and in its files."""

from __future__ import annotations

import pytest
from built_book import glossary_terms, internal_references, pages
from site_browser import SCHEMES, SiteBrowser, Visit

PAGE_WEIGHT_BYTES = 1_000_000

pytestmark = pytest.mark.site
# All tests of a page run in one process, which opens the page once for them.
every_page = pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in pages() or ["index.html"]],
)
_visits: dict[tuple[str, str], Visit] = {}


def visit(browser: SiteBrowser, page: str, scheme: str) -> Visit:
    """What there was to see on the page; a page is opened once for each scheme."""
    if (page, scheme) not in _visits:
        _visits[page, scheme] = browser.visit(page, scheme=scheme)
    return _visits[page, scheme]


@pytest.mark.parametrize("scheme", SCHEMES)
@every_page
def test_page_is_whole_fits_and_has_no_grave_accessibility_fault(
    browser: SiteBrowser, page: str, scheme: str
) -> None:
    seen = visit(browser, page, scheme)
    assert seen.faults == {}
    assert seen.scheme == scheme
    assert 0 < seen.received_bytes < PAGE_WEIGHT_BYTES


@every_page
def test_page_reads_the_same_without_javascript(browser: SiteBrowser, page: str) -> None:
    if page == "search.html":
        pytest.skip("a search runs in the browser")
    plain = browser.visit(page, scheme="light", javascript=False)
    scripted = visit(browser, page, "light")
    assert plain.visible_text
    assert [fault for fault, places in plain.by_width.items() if places] == []
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
