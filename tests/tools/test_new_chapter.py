"""A chapter and a lab made from the templates: both build, and nothing that exists is touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from new_chapter import CannotStart, start_chapter

ROOT = Path(__file__).parents[2]
BOOK = ["_config.yml", "_ext", "_static", "templates", "chapters/glossary.md"]
BOOK += ["chapters/bibliography.md", "chapters/references.bib"]
OUTLINE = """\
format: jb-book
root: index
parts:
  - caption: The course
    numbered: 1
    chapters:
      - file: chapters/first
        sections:
          - file: labs/first
  - caption: Reference
    chapters:
      - file: chapters/glossary
      - file: chapters/bibliography
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """This book with nothing in it but its reference part and a first chapter."""
    for name in BOOK:
        source, copy = ROOT / name, tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    (tmp_path / "_toc.yml").write_text(OUTLINE, encoding="utf-8")
    (tmp_path / "index.md").write_text("# Here\n\n{cite:p}`generalcompute2026`\n", encoding="utf-8")
    (tmp_path / "labs").mkdir()
    for name in ("chapters/first.md", "labs/first.md"):
        (tmp_path / name).write_text("# First\n", encoding="utf-8")
    return tmp_path


def snapshot(book: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}


def test_it_comes_last_in_the_course_and_holds_no_placeholder(book: Path) -> None:
    chapter, lab = start_chapter(book, "rate_limits", "Rate limits")
    course, reference = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    assert [entry["file"] for entry in course["chapters"]] == [
        "chapters/first",
        "chapters/rate_limits",
    ]
    assert course["chapters"][-1]["sections"] == [{"file": "labs/rate_limits"}]
    assert [entry["file"] for entry in reference["chapters"]] == [
        "chapters/glossary",
        "chapters/bibliography",
    ]
    for path in (chapter, lab):
        assert "CHAPTER_" not in path.read_text(encoding="utf-8")
    head = nbformat.read(lab, as_version=4).cells[0].source
    assert head.startswith("# Lab 2: Rate limits\n")
    assert "(../chapters/rate_limits.md)" in head


def test_it_fits_the_book_as_it_is(book: Path) -> None:
    shutil.copy(ROOT / "_toc.yml", book)
    before = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    _, lab = start_chapter(book, "rate_limits", "Rate limits")
    after = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    place = max(i for i, one in enumerate(before[0]["chapters"]) if "sections" in one) + 1
    new = after[0]["chapters"].pop(place)
    assert new == {
        "file": "chapters/rate_limits",
        "sections": [{"file": "labs/rate_limits"}],
    }
    assert after == before
    head = nbformat.read(lab, as_version=4).cells[0].source
    assert head.startswith(f"# Lab {place + 1}: Rate limits\n")


def test_chapter_and_lab_build_without_a_warning(book: Path) -> None:
    start_chapter(book, "rate_limits", "Rate limits")
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", str(book), "--all", "-W", "-n", "--keep-going", "-q"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = book / "_build" / "html"
    chapter = BeautifulSoup((pages / "chapters" / "rate_limits.html").read_bytes(), "html.parser")
    main = chapter.select_one("article")
    assert main is not None
    assert "took 0.65 seconds on the demo machine and 2.27 in production" in main.get_text()
    assert main.find("a", href="../labs/rate_limits.html")
    assert (pages / "labs" / "rate_limits.html").exists()


@pytest.mark.parametrize(
    ("name", "title", "said"),
    [
        ("", "Rate limits", "'' is no name"),
        ("Rate-Limits", "Rate limits", "'Rate-Limits' is no name"),
        ("../first", "Rate limits", "is no name"),
        ("rate_limits", " ", "' ' is no title"),
        ("class", "Classes", "'class' is a word of Python's"),
        ("rate_limits", 'The "limits"', 'is no title: it has "\\. Allowed: '),
        ("rate_limits", "The `date` knob", "is no title: it has `"),
        ("rate_limits", "For $5", r"is no title: it has \$"),
        ("rate_limits", "Under <5> s", "is no title: it has <"),
        ("rate_limits", "--help", "is no title. Allowed: one line that does not begin with -"),
        ("rate_limits", "Rate\nlimits", "is no title"),
        ("first", "First", r"chapters/first\.md is there already"),
    ],
)
def test_what_cannot_be_started_changes_nothing(
    book: Path, name: str, title: str, said: str
) -> None:
    before = snapshot(book)
    with pytest.raises(CannotStart, match=said):
        start_chapter(book, name, title)
    assert snapshot(book) == before


def test_an_outline_that_it_cannot_read_is_left_as_it_is(book: Path) -> None:
    other = OUTLINE.replace("labs/first", "labs/other")
    (book / "_toc.yml").write_text(other, encoding="utf-8")
    before = snapshot(book)
    with pytest.raises(CannotStart, match="has a lab of its name"):
        start_chapter(book, "rate_limits", "Rate limits")
    assert snapshot(book) == before


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    "title", ["The `touch ran` knob", "Save $5", "$(shell touch ran)", 'a"; touch ran; "', "--help"]
)
def test_make_hands_a_title_on_as_it_is_and_runs_nothing_in_it(tmp_path: Path, title: str) -> None:
    """With a program in the place of Python that says what it was given."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    for name in ("Makefile", "requirements.txt", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "set-up").touch()
    command = ["make", "-s", "chapter", "NAME=rate_limits", f"TITLE={title}"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert made.stdout.splitlines() == ["tools/new_chapter.py", "--", "rate_limits", title]
    assert not (tmp_path / "ran").exists()
