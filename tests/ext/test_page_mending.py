"""What the local extensions change in a page."""

from types import SimpleNamespace

import pytest
from accessible import mend_body, name_toggles
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document
from lean_icons import icon_characters, without_unused_rules
from static_widgets import WIDGET_NOTE, WIDGET_STATE, replace_widgets
from typeset_numbers import mend


def soup(markup: str) -> BeautifulSoup:
    return BeautifulSoup(markup, "html.parser")


def test_navigation_arrow_says_what_it_opens() -> None:
    navigation = soup(
        '<li class="has-children"><a>1. One</a><details><summary></summary></details></li>'
        "<li><a>2. Two</a></li>"
    )
    name_toggles(navigation)
    assert navigation.find("summary")["aria-label"] == "Pages under 1. One"


def test_tables_can_be_scrolled_from_the_keyboard() -> None:
    body = soup(
        '<div class="output text_html"><table></table></div><div class="output text_html"/>'
    )
    mend_body(body)
    assert [box.get("tabindex") for box in body.find_all("div")] == ["0", None]


def test_widgets_leave_a_note_and_no_data() -> None:
    view = '<script type="application/vnd.jupyter.widget-view+json">{"model_id": "1"}</script>'
    state = SimpleNamespace(attributes={"type": WIDGET_STATE})
    other = SimpleNamespace(attributes={})
    context = {"body": f"<p>before</p>{view}<p>after</p>", "script_files": [state, other]}
    replace_widgets(None, "page", "page.html", context, None)
    assert context == {
        "body": f"<p>before</p>{WIDGET_NOTE}<p>after</p>",
        "script_files": [other],
    }


def test_a_number_keeps_its_seconds_on_its_line_and_has_a_minus_sign() -> None:
    page = new_document("page")
    page += nodes.paragraph("", "saves 0.3 s, ", nodes.literal("", "-1 s"))
    computed = nodes.inline("", "-9.1", classes=["pasted-text"])
    page[0].extend([computed, nodes.Text(" ms or 2 steps")])
    mend(None, page, "page")
    no_break = "\N{NO-BREAK SPACE}"
    assert page.astext() == f"saves 0.3{no_break}s, -1 s\N{MINUS SIGN}9.1{no_break}ms or 2 steps"


CSS = '.fa-sun:before{content:"\\f185"}.fa-a:before,.fa-moon:before{content:"\uf186"}p{margin:0}'


@pytest.mark.parametrize(
    ("used", "characters"),
    [({"fa-sun"}, {0xF185}), ({"fa-moon"}, {0xF186}), (set(), set()), ({"fa-su"}, set())],
)
def test_only_the_icons_in_use_are_kept(used: set[str], characters: set[int]) -> None:
    kept = without_unused_rules(CSS, used)
    assert icon_characters(kept) == characters
    assert kept.endswith("p{margin:0}")
