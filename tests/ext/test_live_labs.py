"""Labs in the page: what their extension adds to chapters and labs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from docutils import nodes
from live_labs import lead_to_lab, name_cells

CELLS = [
    {"cell_type": "markdown", "id": "a", "source": ["# Lab"]},
    {"cell_type": "code", "id": "b", "source": ["x = 1\n", "figures.bars(x)"]},
    {"cell_type": "code", "id": "c", "source": ["figures.tails(x)"]},
]
CHAPTER = """# A chapter

```{code-cell} python
:tags: [remove-input]
figures.bars(
    2,
)
```

And so on.

```{code-cell} python
figures.lines(3)
```
"""


def course(tmp_path: Path) -> SimpleNamespace:
    lab = tmp_path / "labs" / "queues.ipynb"
    lab.parent.mkdir()
    lab.write_text(json.dumps({"cells": CELLS}))
    env = SimpleNamespace(docname="labs/queues", doc2path=lambda _: str(lab))
    return SimpleNamespace(srcdir=tmp_path, env=env)


def test_a_figure_that_the_lab_draws_too_leads_to_its_cell(tmp_path: Path) -> None:
    source = [CHAPTER]
    lead_to_lab(course(tmp_path), "chapters/queues", source)
    (link,) = (line for line in source[0].splitlines() if "<a" in line)
    assert 'href="../labs/queues.html#b"' in link
    assert source[0].replace(f"\n\n{link}\n", "", 1) == CHAPTER


def test_a_hidden_cell_leads_nowhere(tmp_path: Path) -> None:
    hidden = CHAPTER.replace("[remove-input]", "[remove-cell]")
    source = [hidden]
    lead_to_lab(course(tmp_path), "chapters/queues", source)
    assert source == [hidden]


def test_other_pages_stay_as_they_are(tmp_path: Path) -> None:
    app = course(tmp_path)
    for page in ("chapters/other", "index", "labs/queues"):
        source = [CHAPTER]
        lead_to_lab(app, page, source)
        assert source == [CHAPTER]


def test_each_cell_of_a_lab_has_its_name(tmp_path: Path) -> None:
    page = nodes.container()
    page += nodes.container(nb_element="cell_code", cell_index=1)
    page += nodes.container(nb_element="cell_code", cell_index=2)
    name_cells(course(tmp_path), page)
    assert [cell["ids"] for cell in page.children] == [["b"], ["c"]]
