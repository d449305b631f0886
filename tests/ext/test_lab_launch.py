"""Launch buttons: none without a repository, and then on labs only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from lab_launch import GROUP, keep_on_labs, wait_for_a_repository

REPOSITORY = "https://github.com/owner/name"


def shown(page: str, repository: str = REPOSITORY) -> dict[str, dict[str, Any]]:
    """The launch buttons of a page by their text, as the theme has made them and as they are."""
    buttons = [{"text": "Binder", "tooltip": "b"}, {"text": "Colab", "tooltip": "c"}]
    other = {"type": "link", "label": "download"}
    context = {"header_buttons": [other, {"label": GROUP, "buttons": buttons}]}
    app: Any = SimpleNamespace(
        config=SimpleNamespace(html_theme_options={"repository_url": repository})
    )
    keep_on_labs(app, page, "page.html", context, None)
    assert context["header_buttons"][0] == other
    return {
        button["text"]: button
        for group in context["header_buttons"][1:]
        for button in group["buttons"]
    }


def test_a_lab_has_them_all_and_colab_says_what_it_needs() -> None:
    buttons = shown("labs/multiplier")
    assert list(buttons) == ["Binder", "Colab", "Codespaces"]
    assert f"%pip install git+{REPOSITORY}" in buttons["Colab"]["tooltip"]
    assert buttons["Codespaces"]["url"] == "https://codespaces.new/owner/name"


def test_codespaces_are_githubs() -> None:
    assert list(shown("labs/multiplier", "https://gitlab.com/owner/name")) == ["Binder", "Colab"]


def test_a_chapter_has_none() -> None:
    assert shown("chapters/multiplier") == {}


@pytest.mark.parametrize(("repository", "kept"), [("", False), (REPOSITORY, True)])
def test_without_a_repository_the_theme_is_not_asked_for_any(repository: str, kept: bool) -> None:
    config: Any = SimpleNamespace(
        html_theme_options={"repository_url": repository, "launch_buttons": {"colab_url": "x"}}
    )
    wait_for_a_repository(SimpleNamespace(), config)  # type: ignore[arg-type]
    assert ("launch_buttons" in config.html_theme_options) == kept
    assert config.html_theme_options["use_edit_page_button"] == kept
    assert config.html_theme_options["use_issues_button"] == kept
