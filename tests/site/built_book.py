"""The built book as files: its pages, and what they link to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup

BOOK = Path(__file__).parents[2] / "_build" / "html"
SITE = "http://site.invalid"
REFERENCES = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "srcset"}


def pages() -> list[str]:
    """Every page, as a path from the root of the site; empty when no book has been built."""
    paths = (path.relative_to(BOOK) for path in BOOK.rglob("*.html"))
    return sorted(path.as_posix() for path in paths if path.parts[0] != "_static")


@cache
def parsed(page: str) -> BeautifulSoup:
    """The page's markup."""
    return BeautifulSoup((BOOK / page).read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: str) -> frozenset[str]:
    """Every id that a link may name after its ``#``."""
    return frozenset(element["id"] for element in parsed(page).find_all(id=True))


@dataclass(frozen=True)
class Reference:
    """One link, image or script of a page, resolved against the site."""

    text: str
    target: str
    fragment: str

    def fault(self) -> str | None:
        """Why it leads nowhere; None when it leads somewhere."""
        file = BOOK / unquote(self.target)
        if not file.is_file():
            return f"{self.text}: there is no {self.target}"
        if self.fragment and file.suffix == ".html" and self.fragment not in anchors(self.target):
            return f"{self.text}: {self.target} has no #{self.fragment}"
        return None


def internal_references(page: str) -> list[Reference]:
    """What the page refers to on this site; other sites are not looked up."""
    found = []
    for tag, attribute in REFERENCES.items():
        for element in parsed(page).find_all(tag, attrs={attribute: True}):
            target = urlsplit(urljoin(f"{SITE}/{page}", element[attribute]))
            if target.netloc == "site.invalid" and element[attribute] != "#":
                path = target.path.lstrip("/")
                found.append(Reference(element[attribute], path, unquote(target.fragment)))
    return found


def glossary_terms() -> dict[str, str]:
    """Where the glossary defines each of its terms; empty when no book has been built."""
    if "chapters/glossary.html" not in pages():
        return {}
    terms = parsed("chapters/glossary.html").select("dl.glossary > dt")
    return {
        term.find(string=True, recursive=False).strip(): f"chapters/glossary.html#{term['id']}"
        for term in terms
    }
