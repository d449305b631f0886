"""Write the pictures of a report that the chapter on providers shows, to _static/report.

    python tests/site/report_pictures.py

They are the top of the comparison that the chapter's rehearsal writes, as a browser shows it: at
both widths, in both schemes, in few colours.
"""

from __future__ import annotations

import io
import sys
import tempfile
import threading
from pathlib import Path

from built_book import BOOK
from PIL import Image
from playwright.sync_api import Page
from site_browser import SCHEMES, chromium_path, site_browser

from labtools import connect
from labtools.evaluation.reporting import write_comparison, write_report
from labtools.evaluation.session import evaluate
from labtools.evaluation.settings import size
from labtools.model.closed_loop import PROVIDERS

sys.path.append(str(BOOK.parents[1] / "tools"))
from serve import address, book_server

FOLDER = BOOK.parents[1] / "_static" / "report"
SHOWN = {"wide": (720, 840), "narrow": (390, 760)}
COLOURS = 32


def rehearse(out: Path) -> None:
    """Measure the chapter's three providers, and write a report on each and the comparison."""
    labs = {profile.name: connect("sim", profile=profile) for profile in PROVIDERS}
    evaluate(labs, out, size("quick"), progress=False)
    for name in labs:
        write_report(out / name)
    write_comparison([out / name for name in labs], out / "comparison")


def main() -> int:
    """Write the four pictures; 1 when there is no browser."""
    executable = chromium_path()
    if executable is None:
        print("No Chromium: install it, or name one in the variable CHROMIUM.", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        rehearse(Path(name))
        with book_server(Path(name), port=0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with site_browser(executable, address(server)) as browser:
                browser.on_page("comparison.html", shoot)
            server.shutdown()
    print(f"The pictures are in {FOLDER}")
    return 0


def shoot(tab: Page) -> None:
    """The top of the page that is open, at each width and in each scheme."""
    for width, (across, down) in SHOWN.items():
        tab.set_viewport_size({"width": across, "height": down})
        for scheme in SCHEMES:
            tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            shown = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
            few = shown.quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(FOLDER / f"comparison-{width}-{scheme}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
