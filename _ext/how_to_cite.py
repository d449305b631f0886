"""``{{ how_to_cite }}`` in a source: the course as an entry of a bibliography.

CITATION.cff says what it holds; the address is _config.yml's ``repository_url``, once there is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

PLACE = "{{ how_to_cite }}"


def entry(citation: dict[str, Any], year: str, address: str = "") -> str:
    """The entry in BibTeX, as MyST."""
    authors = " and ".join(f"{{{author['name']}}}" for author in citation["authors"])
    fields = {
        "author": authors,
        "title": citation["title"],
        "version": citation["version"],
        "year": year,
        "url": address,
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"```bibtex\n@software{{latency_multiplier,\n{lines}}}\n```"


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the entry where a source asks for it."""
    if PLACE not in source[0]:
        return
    file = Path(app.srcdir) / "CITATION.cff"
    app.env.note_dependency(str(file))
    citation = yaml.safe_load(file.read_text(encoding="utf-8"))
    address = app.config.html_theme_options.get("repository_url") or ""
    source[0] = source[0].replace(PLACE, entry(citation, str(app.config.copyright), address))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the page."""
    app.connect("source-read", fill_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
