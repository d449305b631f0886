"""The platform: in a browser's page Python has no threads, sockets and processes, elsewhere all.

Whoever needs one of them asks here, and asks each time: a test that says `in_page` tests the page.
"""

from __future__ import annotations

import sys


def in_page() -> bool:
    """Whether this Python runs in a browser's page."""
    return sys.platform == "emscripten"
