"""Start a chapter and its lab from the templates: ``python tools/new_chapter.py NAME "Title"``.

Writes chapters/NAME.md, labs/NAME.ipynb, labtools/course/NAME/ and the tests of its checks, and
puts the chapter into _toc.yml and into the list in labtools/course, after the last with a lab.
Nothing is overwritten.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# They end the text that they stand in: in the lab's JSON, in Markdown, in mathematics, in HTML.
REFUSED = '"\\`$<'
ENTRY = """\
      - file: chapters/{name}
        sections:
          - file: labs/{name}
"""


class CannotStart(Exception):
    """Why there will be no new chapter, in a line for whoever asked for it."""


# The template is run as it is, so it takes its figures and checks from a chapter that there is.
STAND_IN = "labtools.course.multiplier"


def start_chapter(root: Path, name: str, title: str) -> list[Path]:
    """Make its files and name it in both lists; returns the files, to be filled.

    Raises CannotStart, and then has written nothing.
    """
    _check(name, title)
    folders = {
        "chapter.md": root / "chapters" / f"{name}.md",
        "lab.ipynb": root / "labs" / f"{name}.ipynb",
        "course": root / "labtools" / "course" / name,
        "test_checks.py": root / "tests" / "course" / name / "test_checks.py",
    }
    for new in folders.values():
        if new.exists():
            raise CannotStart(f"{new.relative_to(root)} is there already: choose another name.")
    contents, chapters = root / "_toc.yml", root / "labtools" / "course" / "__init__.py"
    outline, last = _with_chapter(contents.read_text(encoding="utf-8"), name)
    package = _with_name(chapters.read_text(encoding="utf-8"), name, last)
    words = {"CHAPTER_NAME": name, "CHAPTER_TITLE": title.strip()}
    made = []
    for template, new in _files(root / "templates", folders):
        text = template.read_text(encoding="utf-8")
        for placeholder, word in {**words, STAND_IN: f"labtools.course.{name}"}.items():
            text = text.replace(placeholder, word)
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        made.append(new)
    contents.write_text(outline, encoding="utf-8")
    chapters.write_text(package, encoding="utf-8")
    return made


def _files(templates: Path, folders: Mapping[str, Path]) -> Iterator[tuple[Path, Path]]:
    """Each template with what is made of it."""
    for name, new in folders.items():
        template = templates / name
        if template.is_dir():
            yield from ((part, new / part.name) for part in sorted(template.glob("*.*")))
        else:
            yield template, new


def _check(name: str, title: str) -> None:
    if not NAME.fullmatch(name):
        raise CannotStart(
            f"{name!r} is no name for a chapter: lower-case words joined by _, such as rate_limits."
        )
    if keyword.iskeyword(name):
        raise CannotStart(
            f"{name!r} is a word of Python's, and the lab could not import its checks: "
            f"choose another name, such as {name}_calls."
        )
    found = [character for character in REFUSED if character in title]
    if found or not title.strip() or not title.isprintable() or title.lstrip().startswith("-"):
        raise CannotStart(
            f"{title!r} is no title{': it has ' + ' and '.join(found) if found else ''}. "
            f"Allowed: one line that does not begin with -, without {' '.join(REFUSED)}. "
            "Mark up the heading in the chapter afterwards."
        )


def _with_chapter(outline: str, name: str) -> tuple[str, str]:
    """_toc.yml with one more chapter after the last with a lab of its name, and that one's name."""
    parts = yaml.safe_load(outline)["parts"]
    chapters = [entry for part in parts for entry in part["chapters"]]
    for last in (entry["file"].removeprefix("chapters/") for entry in reversed(chapters)):
        entry = ENTRY.format(name=last)
        if entry in outline:
            return outline.replace(entry, entry + ENTRY.format(name=name)), last
    raise CannotStart("No chapter in _toc.yml has a lab of its name: add yours by hand.")


def _with_name(package: str, name: str, last: str) -> str:
    """labtools/course/__init__.py with one more name in CHAPTERS, after `last`."""
    line = f'    "{last}",\n'
    if line not in package:
        raise CannotStart(
            f"{last!r} is not in CHAPTERS in labtools/course/__init__.py, as it is in _toc.yml: "
            "bring both into the same order."
        )
    return package.replace(line, f'{line}    "{name}",\n', 1)


def main() -> int:
    """Start one chapter; 1 when that cannot be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="what its files are called, such as rate_limits")
    parser.add_argument("title", help='the heading, such as "Rate limits"')
    arguments = parser.parse_args()
    try:
        made = start_chapter(ROOT, arguments.name, arguments.title)
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    for path in made:
        print(f"{path.relative_to(ROOT)}: fill it in")
    print("CONTRIBUTING.md says what comes next.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
