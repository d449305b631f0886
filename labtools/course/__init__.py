"""The course: a folder a chapter, with its figures, and the checks of its exercises and claims.

`CHAPTERS` is the only list of them within the package: the ledger and the numbers in the book
follow it, and a test holds it to `_toc.yml`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labtools.errors import require_one_of
from labtools.files import values_in

CHAPTERS = (
    "multiplier",
    "model_size",
    "routing",
    "parallel_calls",
    "prefix_caching",
    "fewer_calls",
    "coding_agent",
    "evaluation",
    "compounding",
    "own_agent",
)
"""The numbered chapters in their order: of each its folder here, its page and its lab."""

FOLDER = Path(__file__).parent


def data(name: str) -> Any:
    """What a chapter's file of JSON or TOML holds, such as "routing/fixes.toml"."""
    return values_in(FOLDER / name)


def number_of(chapter: str) -> int:
    """The chapter's number in the book, and its lab's. Raises ConfigurationError."""
    require_one_of("chapter", chapter, CHAPTERS)
    return 1 + CHAPTERS.index(chapter)


def recordings() -> dict[str, Path]:
    """What a real engine answered in the labs: each recording's file by its name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*/recordings/*.jsonl"))}


def recorded(name: str) -> str:
    """The endpoint that plays a recording again, for `connect`. Raises ConfigurationError."""
    found = recordings()
    require_one_of("recording", name, found)
    return f"replay:{found[name]}"
