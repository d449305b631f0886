"""What `labtools evaluate` writes for people, opened as they would."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from serve import address, book_server
from site_browser import SCHEMES, SiteBrowser, chromium_path, site_browser

from labtools import connect
from labtools.evaluation.reporting import write_comparison, write_report
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import size
from labtools.model.leaderboard import PROVIDERS

pytestmark = pytest.mark.site
PAGES = ("larch/report.html", "comparison.html")
LARGEST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    labs = {profile.name: connect("sim", profile=profile) for profile in PROVIDERS}
    evaluate(labs, out, size("quick"), progress=False)
    for name in labs:
        write_report(out / name)
    write_comparison([out / name for name in labs], out / "comparison")
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


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("page", PAGES)
def test_a_report_fits_reads_and_asks_nobody(browser: SiteBrowser, page: str, scheme: str) -> None:
    seen = browser.visit(page, scheme=scheme)
    assert seen.faults == {}
    assert 0 < seen.received_bytes < LARGEST_BYTES
