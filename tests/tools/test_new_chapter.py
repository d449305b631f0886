"""A chapter and a lab made from the templates: both build, and nothing that exists is touched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from new_chapter import CannotStart, start_chapter

from labtools import course

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "labtools" / "course" / "__init__.py"
CHAPTERS = re.compile(r"(?<=^CHAPTERS = \(\n).*?(?=^\)$)", re.MULTILINE | re.DOTALL)
BOOK = ["_config.yml", "_ext", "_static", "tools/live", "templates", "chapters/glossary.md"]
BOOK += ["chapters/bibliography.md", "chapters/references.bib", "CITATION.cff"]
BOOK += ["tests/course/check_cases.py"]
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
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    (tmp_path / "_toc.yml").write_text(OUTLINE, encoding="utf-8")
    # What the glossary and the bibliography refer to stands here.
    index = "# Here\n\n(tools-disagree)=\n## Cited\n\n{cite:p}`generalcompute2026`\n"
    (tmp_path / "index.md").write_text(index, encoding="utf-8")
    package = tmp_path / "labtools" / "course" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text(CHAPTERS.sub('    "first",\n', PACKAGE.read_text("utf-8")), "utf-8")
    (tmp_path / "labs").mkdir()
    for name in ("chapters/first.md", "labs/first.md"):
        (tmp_path / name).write_text("# First\n", encoding="utf-8")
    return tmp_path


def snapshot(book: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}


def test_it_comes_last_in_the_course_and_holds_no_placeholder(book: Path) -> None:
    made = start_chapter(book, "rate_limits", "Rate limits")
    lab, rest = made[1], made[2:]
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
    package = book / "labtools" / "course"
    assert {path.name for path in rest if path.parent == package / "rate_limits"} == {
        "__init__.py",
        "checks.py",
        "claims.toml",
        "figures.py",
    }
    for path in made:
        assert "CHAPTER_" not in path.read_text(encoding="utf-8")
    head = nbformat.read(lab, as_version=4).cells[0].source
    assert head.startswith("# Lab: Rate limits\n")
    assert "(../chapters/rate_limits.md)" in head
    assert "from labtools.course.rate_limits import check, figures" in lab.read_text("utf-8")
    listed = (package / "__init__.py").read_text(encoding="utf-8")
    assert 'CHAPTERS = (\n    "first",\n    "rate_limits",\n)' in listed


def test_it_fits_the_book_as_it_is(book: Path) -> None:
    shutil.copy(ROOT / "_toc.yml", book)
    package = book / "labtools" / "course" / "__init__.py"
    shutil.copy(PACKAGE, package)
    before = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    start_chapter(book, "rate_limits", "Rate limits")
    after = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    course_part = next(part["chapters"] for part in before if "numbered" in part)
    place = max(i for i, entry in enumerate(course_part) if "sections" in entry) + 1
    new = next(part["chapters"] for part in after if "numbered" in part).pop(place)
    assert new == {
        "file": "chapters/rate_limits",
        "sections": [{"file": "labs/rate_limits"}],
    }
    assert after == before
    assert f'"{course.CHAPTERS[-1]}",\n    "rate_limits",\n)' in package.read_text(encoding="utf-8")


def in_the_copy(book: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a copy of `labtools` that has the new chapter, in place of this one."""
    there = {str(path.relative_to(book)) for path in (book / "labtools").rglob("*.py")}
    for path in (ROOT / "labtools").rglob("*"):
        name = str(path.relative_to(ROOT))
        if path.is_file() and name not in there:
            (book / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, book / name)  # as old as it was, so that its bytecode is still good
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(book)}
    return subprocess.run(
        command, cwd=book, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_its_checks_and_its_imports_are_as_they_have_to_be(book: Path) -> None:
    made = start_chapter(book, "rate_limits", "Rate limits")
    shutil.copy(ROOT / "pyproject.toml", book)
    tested = in_the_copy(book, "pytest", "-q", "-p", "no:nbval", str(made[-1]))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    for command in (["check"], ["format", "--check"]):
        linted = in_the_copy(book, "ruff", *command, *map(str, made[1:]))
        assert linted.returncode == 0, linted.stdout + linted.stderr


def test_chapter_and_lab_build_without_a_warning(book: Path) -> None:
    start_chapter(book, "rate_limits", "Rate limits")
    flags = ["--all", "-W", "-n", "--keep-going", "-q"]
    built = in_the_copy(book, "jupyter-book", "build", str(book), *flags)
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


def test_a_list_that_is_not_the_outlines_is_left_as_it_is(book: Path) -> None:
    package = book / "labtools" / "course" / "__init__.py"
    shutil.copy(PACKAGE, package)
    before = snapshot(book)
    with pytest.raises(CannotStart, match="'first' is not in CHAPTERS"):
        start_chapter(book, "rate_limits", "Rate limits")
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
