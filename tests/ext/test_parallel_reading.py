"""How the pages are dealt out to the cores, and that no mistake in them is lost on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from parallel_reading import UNDECLARED, read_on_every_core, write_on_one

ROOT = Path(__file__).parents[2]
FAILING = """\
---
file_format: mystnb
kernelspec:
  name: python3
---

# Page

```{code-cell}
1 / 0
```
"""
OUTLINE = "format: jb-book\nroot: index\nchapters:\n" + "".join(
    f"  - file: page_{number}\n" for number in range(7)
)


def an_app() -> SimpleNamespace:
    extensions = {name: SimpleNamespace(parallel_read_safe=None) for name in UNDECLARED}
    return SimpleNamespace(parallel=1, extensions=extensions)


def test_neighbours_are_read_apart_and_written_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    app, pages = an_app(), list("abcdefgh")
    read_on_every_core(app, None, pages)
    assert pages == ["a", "g", "b", "h", "c", "d", "e", "f"]
    assert app.parallel == 6
    assert all(one.parallel_read_safe for one in app.extensions.values())
    write_on_one(app, None)
    assert app.parallel == 1


def test_where_the_cores_are_not_known_one_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: None)
    app, pages = an_app(), list("abc")
    read_on_every_core(app, None, pages)
    assert (app.parallel, pages) == (2, list("acb"))


def test_a_mistake_on_any_page_still_stops_the_build(tmp_path: Path) -> None:
    for name in ("_config.yml", "_ext", "_static", "tools/live"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    (tmp_path / "chapters").mkdir()
    shutil.copy(ROOT / "chapters" / "references.bib", tmp_path / "chapters")
    (tmp_path / "_toc.yml").write_text(OUTLINE, encoding="utf-8")
    (tmp_path / "index.md").write_text("# Here\n", encoding="utf-8")
    for number in range(7):
        (tmp_path / f"page_{number}.md").write_text("# Page\n\n[to](#nowhere)\n", encoding="utf-8")
    (tmp_path / "page_5.md").write_text(FAILING, encoding="utf-8")
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", str(tmp_path), "--all", "-W", "-n", "--keep-going", "-q"]
    built = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PAGES_TO": "1"},
    )
    said = built.stdout + built.stderr
    assert built.returncode != 0, said
    assert "ZeroDivisionError" in said
    assert said.count("'myst' cross-reference target not found: 'nowhere'") == 6
    running = [line for line in built.stdout.splitlines() if line.startswith("  page_")]
    assert running == ["  page_5"]  # the only one with code to run
    assert "does not declare if it is safe" not in said
