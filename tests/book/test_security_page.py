"""Each promise of the page on security names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PROMISES = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line][1:]


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_has_its_tests(promise: str) -> None:
    named = re.findall(r"`(tests/[^`]+\.py)::(test_\w+)`", promise)
    assert named
    for path, test in named:
        assert f"\ndef {test}(" in (ROOT / path).read_text(encoding="utf-8"), (path, test)


def test_every_part_of_the_page_has_promises() -> None:
    for folder in ("mock", "hostile", "lab", "evaluation", "coding_agent", "tools"):
        assert f"`tests/{folder}/" in PAGE
