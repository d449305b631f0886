"""What must hold for every page of the built book, in the browser and in its files."""

from __future__ import annotations

import pytest
from built_book import glossary_terms, internal_references, pages
from site_browser import SCHEMES, SiteBrowser

PAGE_WEIGHT_BYTES = 1_000_000

pytestmark = pytest.mark.site
every_page = pytest.mark.parametrize("page", pages() or ["index.html"])


@every_page
def test_page_is_whole_fits_and_reads_well_in_each_scheme_and_without_javascript(
    browser: SiteBrowser, page: str
) -> None:
    seen = {scheme: browser.visit(page, scheme=scheme) for scheme in SCHEMES}
    assert {scheme: visit.faults for scheme, visit in seen.items()} == {s: {} for s in SCHEMES}
    assert [visit.scheme for visit in seen.values()] == list(SCHEMES)
    assert all(0 < visit.received_bytes < PAGE_WEIGHT_BYTES for visit in seen.values())
    if page == "search.html":  # a search runs in the browser
        return
    plain = browser.visit(page, scheme="light", javascript=False)
    told = set(plain.visible_text)
    assert told
    assert [fault for fault, places in plain.by_width.items() if places] == []
    assert [text for text in seen["light"].visible_text if text not in told] == []


@every_page
def test_internal_links_and_anchors_are_alive(book: None, page: str) -> None:
    references = internal_references(page)
    assert references
    assert [fault for reference in references if (fault := reference.fault())] == []


@pytest.mark.parametrize(("term", "place"), glossary_terms().items() or [("TTFT", "")])
def test_search_finds_every_term_of_the_glossary_first(
    browser: SiteBrowser, term: str, place: str
) -> None:
    assert browser.found_first(term) == place
