"""Write a picture of every page, at both widths and in both schemes, to _build/shots."""

from __future__ import annotations

import sys
import threading

from built_book import BOOK, pages
from site_browser import SCHEMES, WIDTHS, chromium_path, site_browser

sys.path.append(str(BOOK.parents[1] / "tools"))
from serve import address, book_server

SHOTS = BOOK.parent / "shots"


def main() -> int:
    """Shoot all pages, or those named as arguments; 1 when there is no browser."""
    executable = chromium_path()
    if executable is None:
        print("No Chromium: install it, or name one in the variable CHROMIUM.", file=sys.stderr)
        return 1
    SHOTS.mkdir(exist_ok=True)
    with book_server(BOOK, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with site_browser(executable, address(server)) as browser:
            for page in sys.argv[1:] or pages():
                name = page.removesuffix(".html").replace("/", "-")
                for width in WIDTHS:
                    for scheme in SCHEMES:
                        file = SHOTS / f"{name}-{width}-{scheme}.png"
                        browser.shoot(page, file, width=width, scheme=scheme)
        server.shutdown()
    print(f"Pictures of the pages are in {SHOTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
