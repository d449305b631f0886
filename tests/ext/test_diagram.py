"""Diagrams: drawn for both widths, named in words, with words only where they fit."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup
from diagram import CHARACTER, Block, Diagram, Lane
from diagram_catalogue import DIAGRAMS


@pytest.mark.parametrize("name", DIAGRAMS)
def test_it_is_drawn_twice_and_says_what_it_shows(name: str) -> None:
    diagram = DIAGRAMS[name]
    drawn = BeautifulSoup(diagram.markup(), "html.parser").select("svg[role=img]")
    assert [svg["class"] for svg in drawn] == [["wide"], ["narrow"]]
    assert {svg["aria-label"] for svg in drawn} == {diagram.alt}
    assert diagram.caption


@pytest.mark.parametrize("name", DIAGRAMS)
def test_no_diagram_holds_a_typed_number(name: str) -> None:
    diagram = DIAGRAMS[name]
    told = [diagram.alt, diagram.caption, *(b.words for lane in diagram.lanes for b in lane.blocks)]
    assert [words for words in told if re.search(r"\d", words)] == []


@pytest.mark.parametrize("name", DIAGRAMS)
def test_on_a_phone_a_diagram_says_what_it_says_on_a_wide_screen(name: str) -> None:
    drawn = BeautifulSoup(DIAGRAMS[name].markup(), "html.parser").select("svg")
    wide, narrow = ([text.get_text() for text in svg.select("text")] for svg in drawn)
    assert sorted(narrow) == sorted(wide)


def test_words_that_do_not_fit_are_left_out() -> None:
    words = "quite long for this block"
    block = Block(0, 100 * len(words) * CHARACTER / 600, "decode", words)
    wide, narrow = Diagram((Lane("", (block,)),), "alt", "caption").markup().split("<svg")[1:]
    assert words in wide
    assert words not in narrow


STEPPED = [name for name in DIAGRAMS if DIAGRAMS[name].steps]


@pytest.mark.parametrize("name", STEPPED)
def test_each_step_shows_something_new_and_the_last_one_all(name: str) -> None:
    diagram = DIAGRAMS[name]
    starts = {block.start for lane in diagram.lanes for block in lane.blocks}
    assert {until for until, _ in diagram.steps} == starts
    svg = BeautifulSoup(diagram.markup(), "html.parser").select_one("svg")
    assert {float(block["data-start"]) for block in svg.select("g")} == starts


def test_in_a_batch_each_call_waits_for_the_first_slot_that_is_free() -> None:
    served = [block for lane in DIAGRAMS["batch"].lanes[:3] for block in lane.blocks]
    waits = [block for lane in DIAGRAMS["batch"].lanes[3:] for block in lane.blocks]
    free_at = sorted(block.end for block in served)
    assert [block.end for block in waits] == free_at[: len(waits)]
