"""What must hold for every page of the built book, in the browser and in its files."""

from __future__ import annotations

import pytest
from built_book import glossary_terms, internal_references, pages
from site_browser import SCHEMES, VISIBLE_TEXT, WIDTHS, SiteBrowser

PAGE_WEIGHT_BYTES = 1_000_000
GRAVE = {"serious", "critical"}

pytestmark = pytest.mark.site
every_page = pytest.mark.parametrize("page", pages() or ["index.html"])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@every_page
def test_page_is_whole_fits_and_has_no_grave_accessibility_fault(
    browser: SiteBrowser, page: str, width: int, scheme: str
) -> None:
    seen = browser.visit(page, width=width, scheme=scheme)
    faults = {
        "requests to other hosts": seen.foreign_requests,
        "requests that failed": seen.failed_requests,
        "console errors": seen.console_errors,
        "images without a name or a picture": seen.unnamed_images,
        "wider than the window": seen.overflowing,
        "accessibility": [
            f"{found['id']} ({found['impact']}): {node['html'][:160]} {node['failureSummary']}"
            for found in seen.violations
            if found["impact"] in GRAVE
            for node in found["nodes"]
        ],
    }
    assert {fault: places for fault, places in faults.items() if places} == {}
    assert seen.scheme == scheme
    assert 0 < seen.received_bytes < PAGE_WEIGHT_BYTES


@every_page
def test_page_reads_the_same_without_javascript(browser: SiteBrowser, page: str) -> None:
    if page == "search.html":
        pytest.skip("a search runs in the browser")
    plain = browser.visit(page, width=1280, scheme="light", javascript=False)
    scripted = browser.on_page(page, lambda tab: tab.evaluate(VISIBLE_TEXT))
    assert plain.visible_text
    assert plain.unnamed_images == plain.overflowing == []
    assert [text for text in scripted if text not in plain.visible_text] == []


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
