"""Every entry of the bibliography is cited, and says who, what, when and where to find it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pybtex.database import Entry, parse_file

from labtools.course import FOLDER

ROOT = Path(__file__).parents[2]
ENTRIES = parse_file(str(ROOT / "chapters" / "references.bib")).entries
CITATION = re.compile(r"\{cite:[a-z]+\}`([^`]+)`")
# Documentation, software and posts carry no date that would stay true.
UNDATED = "howpublished"
WHERE = {"url", "doi", "eprint", "journal", "booktitle", "institution", UNDATED}


def cited() -> set[str]:
    """What a page cites, the ledger's claims included."""
    pages = [
        ROOT / "index.md",
        *(ROOT / "chapters").glob("*.md"),
        *(ROOT / "labs").glob("*.ipynb"),
        *FOLDER.glob("*/claims.toml"),
    ]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    return {key.strip() for keys in CITATION.findall(text) for key in keys.split(",")}


def lacks(entry: Entry) -> list[str]:
    """What a reader would miss in an entry."""
    wanted = ["title"] if UNDATED in entry.fields else ["title", "year"]
    missing = [name for name in wanted if not entry.fields.get(name)]
    if not entry.persons.get("author"):
        missing.append("author")
    if not WHERE & set(entry.fields):
        missing.append("where to find it")
    return missing


def test_every_entry_is_cited() -> None:
    assert set(ENTRIES) - cited() == set()


def test_everything_cited_has_an_entry() -> None:
    assert cited() - set(ENTRIES) == set()


@pytest.mark.parametrize("key", sorted(ENTRIES))
def test_an_entry_is_complete(key: str) -> None:
    assert lacks(ENTRIES[key]) == []


def test_what_an_entry_lacks_is_named() -> None:
    assert lacks(Entry("misc", {"title": "T"})) == ["year", "author", "where to find it"]
    assert lacks(Entry("misc", {"title": "T", "howpublished": "Software"})) == ["author"]
