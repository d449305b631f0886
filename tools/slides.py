"""Write slides: a chapter's headings with their figures, from the built book.

    python tools/slides.py [CHAPTER ...]    # default: all; to _build/slides/CHAPTER.html

Each deck is one file that needs no other: arrow keys or a click turn the page, and printing gives
one slide a sheet. The figures are those of the page, in their light drawings.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parent.parent
BOOK, SLIDES = ROOT / "_build" / "html", ROOT / "_build" / "slides"

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 1.6rem/1.35 system-ui, sans-serif; margin: 0; color: #222; }}
section {{ box-sizing: border-box; display: none; min-height: 100vh; padding: 4vh 6vw; }}
section.here {{ display: flex; flex-direction: column; justify-content: center; }}
h1 {{ font-size: 2.6rem; margin: 0 0 2vh; }}
img, svg {{ max-height: 62vh; width: 100%; object-fit: contain; }}
figure {{ margin: 0; }} figcaption {{ color: #555; font-size: 1.1rem; }}
.narrow, .figure-number {{ display: none; }}
.ttft {{ fill: #d55e00; }} .decode {{ fill: #0072b2; }} .tool {{ fill: #009e73; }}
.waiting {{ fill: #999; }} .kept, .slack {{ fill: #eee; stroke: #666; }}
rect.path {{ fill: #0072b2; stroke: #222; stroke-width: 3; }}
path.span {{ fill: none; stroke: #666; }}
svg text {{ fill: #222; font-size: 13px; }} svg text.on {{ fill: #fff; }}
svg text.on.kept, svg text.on.slack, svg text.on.waiting {{ fill: #222; }}
@media print {{ section {{ display: flex; break-after: page; }} }}
</style>{slides}<script>
const all = [...document.querySelectorAll("section")];
const show = at => all.forEach((one, n) => one.classList.toggle("here", n === at));
let at = 0;
const turn = by => show(at = Math.min(all.length - 1, Math.max(0, at + by)));
addEventListener("keydown", ({{ key }}) =>
    turn({{ ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 }}[key] ?? 0));
addEventListener("click", () => turn(1));
turn(0);
</script></html>
"""


def slides(page: Path) -> Iterator[tuple[str, str]]:
    """Heading and content of each: the title, each figure under its heading, what to take away."""
    article = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select_one("article")
    if article is None:
        raise ValueError(f"{page} has no article")
    title = article.select_one("h1")
    yield _words(title), _opening(article)
    for figure in article.select("figure.lab-figure"):
        above = figure.find_previous(["h1", "h2", "h3"])
        yield _words(above), _whole(figure, page)
    for away in article.select(".admonition.important"):
        yield "Take away", "".join(str(part) for part in away.select("ul"))


def _words(heading: object) -> str:
    text = heading.get_text() if isinstance(heading, Tag) else ""
    return text.replace("#", "").strip()


def _opening(article: Tag) -> str:
    first = next((p for p in article.select("section > p") if p.get_text(strip=True)), None)
    return f"<p>{escape(' '.join(first.get_text().split()))}</p>" if first else ""


def _whole(figure: Tag, page: Path) -> str:
    """The figure with its light drawing inside it, and nothing that a slide has no use for."""
    for other in figure.select("picture.in-the-dark, source, .explorable-key"):
        other.decompose()
    for image in figure.select("img"):
        svg = (page.parent / str(image["src"])).read_bytes()
        image["src"] = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
        del image["loading"]
    return str(figure)


def main() -> int:
    """Write the decks that are asked for; 1 where the book is not built."""
    names = sys.argv[1:] or sorted(path.stem for path in (ROOT / "labs").glob("*.ipynb"))
    SLIDES.mkdir(parents=True, exist_ok=True)
    for name in names:
        page = BOOK / "chapters" / f"{name}.html"
        if not page.exists():
            print(f"There is no {page}: make book builds it.", file=sys.stderr)
            return 1
        made = list(slides(page))
        body = "".join(
            f"<section><h1>{escape(head)}</h1>{inside}</section>" for head, inside in made
        )
        (SLIDES / f"{name}.html").write_text(
            PAGE.format(title=escape(made[0][0]), slides=body), encoding="utf-8"
        )
    print(f"The slides are in {SLIDES}: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
