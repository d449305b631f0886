"""One list of chapters: the outline, the folders and every number that the book shows follow it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from labtools.course import CHAPTERS, FOLDER, number_of
from labtools.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
NUMBERED = next(part["chapters"] for part in PARTS if "numbered" in part)
TYPED = re.compile(r"\b(?:[Cc]hapters?|Labs?)[ \N{NO-BREAK SPACE}]\d")
TEXTS = [
    ROOT / "index.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "chapters").glob("*.md"),
    *(ROOT / "labs").glob("*.ipynb"),
    *(ROOT / "templates").rglob("*.*"),
    *FOLDER.rglob("*.py"),
    *FOLDER.rglob("*.toml"),
]


def test_the_list_is_the_outlines() -> None:
    for place, chapter in enumerate(CHAPTERS):
        assert NUMBERED[place] == {
            "file": f"chapters/{chapter}",
            "sections": [{"file": f"labs/{chapter}"}],
        }
        assert number_of(chapter) == place + 1
    assert [entry for entry in NUMBERED[len(CHAPTERS) :] if "sections" in entry] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_its_figures_its_checks_and_their_tests(chapter: str) -> None:
    for name in ("__init__.py", "figures.py", "checks.py"):
        assert (FOLDER / chapter / name).is_file()
    assert (ROOT / "tests" / "course" / chapter / "test_checks.py").is_file()


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_number_of_a_chapter_is_typed(text: Path) -> None:
    assert TYPED.findall(text.read_text(encoding="utf-8")) == []


def test_an_unknown_chapter_has_no_number() -> None:
    with pytest.raises(ConfigurationError, match="Unknown chapter: 'ledger'"):
        number_of("ledger")
