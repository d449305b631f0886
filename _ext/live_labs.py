"""Labs that run in the page: their cells have names, and the script that makes them live.

The script offers nothing where ``make live`` has made no packs. A chapter's figure that its lab
draws too leads to the lab's cell.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

sys.path.append(str(Path(__file__).parents[1] / "tools" / "live"))
from packs import put_into

SCRIPT = "live/offer.mjs"
STYLE = "live/live.css"
CELL = re.compile(r"^```\{code-cell\}.*?^```$", re.MULTILINE | re.DOTALL)
DRAWS = re.compile(r"\b(\w*figures\.\w+)\(")


def code_cells(lab: Path) -> dict[int, tuple[str, str]]:
    """From a code cell's place in the notebook to its name and its source."""
    cells = json.loads(lab.read_text(encoding="utf-8"))["cells"]
    return {
        place: (cell["id"], "".join(cell["source"]))
        for place, cell in enumerate(cells)
        if cell["cell_type"] == "code"
    }


def lead_to_lab(app: Sphinx, docname: str, source: list[str]) -> None:
    """After each figure of a chapter that its lab draws too, a link to the lab's cell."""
    folder, _, name = docname.partition("/")
    lab = Path(app.srcdir) / "labs" / f"{name}.ipynb"
    if folder != "chapters" or not lab.exists():
        return
    drawn = {
        figure: id_ for id_, code in code_cells(lab).values() for figure in DRAWS.findall(code)
    }

    def led(cell: re.Match[str]) -> str:
        if "remove-cell" in cell[0].split("\n")[1]:
            return cell[0]  # it is not on the page; a figure that it glues stands elsewhere
        found = [drawn[figure] for figure in DRAWS.findall(cell[0]) if figure in drawn]
        if not found:
            return cell[0]
        link = f'<a href="../labs/{name}.html#{found[-1]}">Change it in the lab</a>'
        return f'{cell[0]}\n\n<p class="change-it">{link}</p>\n'

    source[0] = CELL.sub(led, source[0])


def name_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give each code cell of a lab its name as an anchor."""
    lab = Path(app.env.doc2path(app.env.docname))
    if not (app.env.docname.startswith("labs/") and lab.suffix == ".ipynb"):
        return
    names = code_cells(lab)
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            cell["ids"].append(names[cell["cell_index"]][0])


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load what offers to run a lab, on the labs and where the front page leads to the first."""
    if pagename.startswith("labs/") or pagename == app.config.root_doc:
        app.add_js_file(SCRIPT, type="module")
    if pagename.startswith("labs/"):
        app.add_css_file(STYLE)


def put_packs(app: Sphinx, exception: Exception | None) -> None:
    """Put into the site what ``make live`` has made of the course as it is."""
    if exception is None and app.builder.format == "html":
        put_into(Path(app.outdir), Path(app.srcdir) / "_build" / "live")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the pages."""
    app.connect("source-read", lead_to_lab)
    app.connect("doctree-read", name_cells)
    app.connect("html-page-context", add_script)
    app.connect("build-finished", put_packs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
