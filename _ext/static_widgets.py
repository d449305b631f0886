"""Say where a widget would be, and leave out what only a kernel could use.

A widget's state and view are data for a widget manager that talks to a kernel. A page has none.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">.*?</script>', re.DOTALL
)
WIDGET_NOTE = '<p class="widget-note">A widget appears here when the lab runs in JupyterLab.</p>'


def replace_widgets(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Replace each view in the body by a note, and drop the page's widget state."""
    if "body" in context:
        context["body"] = WIDGET_VIEW.sub(WIDGET_NOTE, context["body"])
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if getattr(script, "attributes", {}).get("type") != WIDGET_STATE
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect after MyST-NB, which adds the state."""
    app.connect("html-page-context", replace_widgets, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
