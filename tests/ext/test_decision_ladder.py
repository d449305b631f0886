"""The way from a symptom to a chapter, as a drawing and as a list."""

from __future__ import annotations

from bs4 import BeautifulSoup
from decision_ladder import LAST, RUNGS, WIDTH, drawing, listing

from labtools.course import CHAPTERS


def links(markup: str) -> list[tuple[str, str]]:
    found = BeautifulSoup(markup, "html.parser").find_all("a")
    return [(link["href"], link.get_text(" ", strip=True)) for link in found]


def test_the_drawing_and_the_list_say_the_same() -> None:
    assert links(drawing()) == links(listing())
    assert links(listing()) == [(rung.place, rung.advice) for rung in (*RUNGS, LAST)]


def test_every_chapter_with_a_lab_is_led_to() -> None:
    led_to = {place.partition(".html")[0] for place, _ in links(drawing())}
    assert led_to == set(CHAPTERS)


def test_no_box_leaves_the_drawing_or_lies_on_another() -> None:
    boxes = [
        tuple(float(box[side]) for side in ("x", "y", "width", "height"))
        for box in BeautifulSoup(drawing(), "html.parser").find_all("rect")
    ]
    for place, (x, y, width, height) in enumerate(boxes):
        assert 0 <= x < x + width <= WIDTH
        for other_x, other_y, other_width, other_height in boxes[place + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y
