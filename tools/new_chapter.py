"""Start a chapter and its lab from the templates: ``python tools/new_chapter.py NAME "Title"``.

Writes chapters/NAME.md and labs/NAME.ipynb and puts both in _toc.yml, after the last chapter of the
course that has a lab.
Nothing is overwritten.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
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


def start_chapter(root: Path, name: str, title: str) -> list[Path]:
    """Make both files and name them in _toc.yml; returns the files, to be filled.

    Raises CannotStart, and then has written nothing.
    """
    _check(name, title)
    templates = {
        root / "templates" / "chapter.md": root / "chapters" / f"{name}.md",
        root / "templates" / "lab.ipynb": root / "labs" / f"{name}.ipynb",
    }
    for new in templates.values():
        if new.exists():
            raise CannotStart(f"{new.relative_to(root)} is there already: choose another name.")
    contents = root / "_toc.yml"
    outline, number = _with_chapter(contents.read_text(encoding="utf-8"), name)
    words = {"CHAPTER_NAME": name, "CHAPTER_TITLE": title.strip(), "CHAPTER_NUMBER": str(number)}
    for template, new in templates.items():
        text = template.read_text(encoding="utf-8")
        for placeholder, word in words.items():
            text = text.replace(placeholder, word)
        new.write_text(text, encoding="utf-8")
    contents.write_text(outline, encoding="utf-8")
    return list(templates.values())


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


def _with_chapter(outline: str, name: str) -> tuple[str, int]:
    """_toc.yml with one more chapter after the last with a lab of its name, and its number."""
    chapters = yaml.safe_load(outline)["parts"][0]["chapters"]
    entries = [ENTRY.format(name=one["file"].removeprefix("chapters/")) for one in chapters]
    for number, last in reversed(list(enumerate(entries, start=1))):
        if last in outline:
            return outline.replace(last, last + ENTRY.format(name=name)), number + 1
    raise CannotStart("No chapter in _toc.yml has a lab of its name: add yours by hand.")


def main() -> int:
    """Start one chapter; 1 when that cannot be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="what both files are called, such as rate_limits")
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
