"""Launch buttons on the labs, and only there, once _config.yml has a ``repository_url``.

With it every page also has the theme's buttons to suggest an edit and to open an issue.
The theme offers them on every page that runs code. A chapter is read, and Colab opens notebooks
only. Codespaces, which the theme does not know, gets a button too.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

GROUP = "launch-buttons"


def wait_for_a_repository(app: Sphinx, config: Config) -> None:
    """No buttons before there is an address for them to lead to."""
    options = config.html_theme_options
    address = bool(options.get("repository_url"))
    if not address:
        options.pop("launch_buttons", None)
    options["use_edit_page_button"] = options["use_issues_button"] = address


def keep_on_labs(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Drop the buttons from other pages, and complete them on a lab's."""
    groups = [one for one in context.get("header_buttons", []) if one.get("label") == GROUP]
    for group in groups:
        if not pagename.startswith("labs/"):
            context["header_buttons"].remove(group)
            continue
        repository = app.config.html_theme_options["repository_url"].rstrip("/")
        for button in group["buttons"]:
            if button["text"] == "Colab":
                button["tooltip"] = f"Colab: begin with a cell %pip install git+{repository}"
        if "//github.com/" in repository:
            group["buttons"].append(
                {
                    "type": "link",
                    "text": "Codespaces",
                    "tooltip": "Open the course in a GitHub codespace",
                    "icon": "fas fa-code",
                    "url": repository.replace("//github.com/", "//codespaces.new/"),
                }
            )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect after the theme, which adds the buttons."""
    app.connect("config-inited", wait_for_a_repository)
    app.connect("html-page-context", keep_on_labs, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
