"""``{{ get_the_course }}`` in a source: the commands that set the course up.

They begin with a clone once _config.yml has a ``repository_url``, and in the folder of the course
without it.
"""

from __future__ import annotations

from sphinx.application import Sphinx

PLACE = "{{ get_the_course }}"


def commands(repository: str) -> str:
    """What to type, as MyST."""
    address = repository.rstrip("/")
    folder = address.rpartition("/")[2].removesuffix(".git")
    fetch = f"git clone {address}\ncd {folder}\n" if address else ""
    where = "" if address else "In the folder of the course:\n\n"
    return f"{where}```bash\n{fetch}make course\n```"


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the commands where a source asks for them."""
    repository = app.config.html_theme_options.get("repository_url") or ""
    source[0] = source[0].replace(PLACE, commands(repository))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the page."""
    app.connect("source-read", fill_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
