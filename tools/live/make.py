"""Make the packs that run the labs in a page, and put them into the built book: ``make live``.

They are made once and kept in _build/live; ``make book`` puts those of the course as it is into
the book that it builds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from downloads import DownloadFailed
from packs import make_packs, packs_of, put_into

BUILD = Path(__file__).parents[2] / "_build"
NOT_TO_BE_HAD = 3


def main() -> int:
    """0, or 3 where a download failed."""
    cache, site = BUILD / "live", BUILD / "html"
    print("Making what runs the labs in a page (a few minutes, once)", flush=True)
    try:
        make_packs(cache)
    except DownloadFailed as problem:
        print(problem, file=sys.stderr)
        return NOT_TO_BE_HAD
    megabytes = sum(pack.stat().st_size for pack in packs_of(cache).values()) / 1e6
    if (site / "_static" / "live").exists():
        put_into(site, cache)
        print(f"The labs in {site} run in the page: {megabytes:.1f} MB to load")
    else:
        print(f"{megabytes:.1f} MB; make book puts them into the book")
    return 0


if __name__ == "__main__":
    sys.exit(main())
