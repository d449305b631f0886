"""Run the chapters and labs on every core: Jupyter Book has no option for what is Sphinx's -j.

A notebook is run when its page is read. Pages are written one after the other, which is quick.
"""

from __future__ import annotations

import os

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# Processes: a notebook's kernel waits at times, and no slice is as long as the next.
PER_CORE = 2
# What Jupyter Book loads and does not say that it is safe: both work on what has been read.
UNDECLARED = ("sphinx_jupyterbook_latex", "sphinx_multitoc_numbering")


def read_on_every_core(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Sphinx deals `docnames` out in slices: a chapter is in another one than the next."""
    app.parallel = PER_CORE * (os.cpu_count() or 1)
    for name in UNDECLARED:
        app.extensions[name].parallel_read_safe = True
    docnames[:] = [
        name for start in range(app.parallel) for name in docnames[start :: app.parallel]
    ]


def say_which(app: Sphinx, docname: str, source: list[str]) -> None:
    """A line as a page's code begins to run: all of them together take minutes.

    It goes to the file descriptor PAGES_TO, past the log that all else is in.
    """
    runs = "{code-cell}" in source[0] or app.env.doc2path(docname).endswith(".ipynb")
    if runs and (told := os.environ.get("PAGES_TO")):
        os.write(int(told), f"  {docname}\n".encode())


def write_on_one(app: Sphinx, env: BuildEnvironment) -> None:
    """Not every extension is ready for parallel writing, and Sphinx would warn of it."""
    app.parallel = 1


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect around the reading."""
    app.connect("env-before-read-docs", read_on_every_core)
    app.connect("source-read", say_which)
    app.connect("env-updated", write_on_one)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
