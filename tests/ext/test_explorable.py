"""The explorables as their pages carry them, before any script has run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from docutils.core import publish_doctree
from docutils.parsers.rst import directives
from docutils.utils import SystemMessage
from explorable import Choices, Explorable, ExplorableDirective, Slider, in_notebooks
from explorable_catalogue import EXPLORABLES

SCRIPTS = Path(__file__).parents[2] / "_static" / "explorables"

each_explorable = pytest.mark.parametrize("name", EXPLORABLES)


def controls(one: Explorable) -> dict[str, Slider | Choices]:
    return {control.name: control for control in one.controls}


def allowed(control: Slider | Choices, value: object) -> bool:
    """Whether the control can stand at this value."""
    if isinstance(control, Choices):
        chosen = [value] if isinstance(value, str) else value
        return set(chosen) <= set(control.options) and (not control.one or len(chosen) == 1)
    steps = (value - control.low) / control.step
    return control.low <= value <= control.high and steps == pytest.approx(round(steps))


@each_explorable
def test_it_has_a_view(name: str) -> None:
    assert "export function view(" in (SCRIPTS / f"{name}.mjs").read_text(encoding="utf-8")


@each_explorable
def test_its_controls_can_stand_where_they_begin(name: str) -> None:
    for control in EXPLORABLES[name].controls:
        start = control.value if isinstance(control, Slider) else control.chosen
        assert allowed(control, start), control.name


@each_explorable
def test_its_buttons_set_what_its_controls_allow(name: str) -> None:
    known = controls(EXPLORABLES[name])
    for text, values in EXPLORABLES[name].presets.items():
        for control, value in values.items():
            assert allowed(known[control], value), (text, control)


@each_explorable
def test_every_input_has_a_label_and_the_form_waits_for_the_script(name: str) -> None:
    markup = BeautifulSoup(EXPLORABLES[name].markup(name), "html.parser")
    for slider in markup.select("input[type=range]"):
        assert markup.select_one(f'label[for="{slider["id"]}"]').get_text(strip=True)
    for box in markup.select("input:not([type=range])"):
        assert box.find_parent("label").get_text(strip=True)
    assert markup.form.has_attr("hidden")
    assert not markup.table.find_parent(attrs={"hidden": True})
    assert len(markup.select("tr[data-start]")) == 1
    assert markup.select_one("svg[role=img]").has_attr("aria-label")


@each_explorable
def test_a_picture_that_moves_comes_first_and_can_be_stopped(name: str) -> None:
    form = BeautifulSoup(EXPLORABLES[name].markup(name), "html.parser").form
    order = [found.get("role") or found.name for found in form.select("svg, button, input")]
    if EXPLORABLES[name].moves:
        assert order[:3] == ["img", "button", "input"]
        assert form.button.get_text() == form.button["data-start"] != form.button["data-stop"]
    else:
        assert order[-1] == "img"
        assert form.select(".explorable-play") == []


def test_an_unknown_name_lists_the_known_ones() -> None:
    directives.register_directive("explorable", ExplorableDirective)
    settings = {"halt_level": 2, "report_level": 5}
    with pytest.raises(SystemMessage, match="no explorable 'x'; known: race, multiplier"):
        publish_doctree(".. explorable:: x", settings_overrides=settings)


@pytest.mark.parametrize(("file", "shown"), [("a.ipynb", True), ("a.md", False)])
def test_in_a_notebook_it_is_a_comment(file: str, shown: bool) -> None:
    app: Any = SimpleNamespace(env=SimpleNamespace(doc2path=lambda _: file))
    source = ["Before.\n\n<!-- explorable race -->\n\nAfter.".join('""').replace("\n", "\\n")]
    in_notebooks(app, "labs/a", source)
    text = json.loads(source[0])
    assert ("\n\n```{explorable} race\n```\n\nAfter." in text) == shown
    assert ("<!--" in text) != shown


def test_the_race_says_where_the_readers_lane_begins() -> None:
    race = EXPLORABLES["race"]
    ttft_ms, rate = (control.value for control in race.controls[:2])
    slow, fast = (race.given["backends"][name] for name in ("slow", "fast"))
    middle_s = (slow["ttft_s"] + fast["ttft_s"]) / 2
    assert ttft_ms == pytest.approx(1000 * middle_s, abs=race.controls[0].step)
    assert rate == (slow["decode_tokens_per_s"] + fast["decode_tokens_per_s"]) / 2
    assert "halfway between the two" in race.hint
    assert race.hint in race.markup("race")
