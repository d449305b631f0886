"""The built book, served on loopback, and a browser to look at it with."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from built_book import BOOK, pages
from serve import address, book_server
from site_browser import SiteBrowser, chromium_path, site_browser


@pytest.fixture(scope="session")
def book() -> None:
    """Skip the test when there is no book to look at."""
    if not pages():
        pytest.skip(f"no book in {BOOK}: make book builds it")


@pytest.fixture(scope="session")
def browser(book: None) -> Iterator[SiteBrowser]:
    """Chromium on the served book; in CI it has to be there, elsewhere the test is skipped."""
    executable = chromium_path()
    if executable is None:
        reason = "no Chromium: install chromium, or name one in the variable CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with book_server(BOOK, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with site_browser(executable, address(server)) as opened:
            yield opened
        server.shutdown()
