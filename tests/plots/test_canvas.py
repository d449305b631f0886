"""What every figure can rely on, at both of its widths."""

from __future__ import annotations

import re

import pytest

from labtools.plots.canvas import NARROW_IN, WIDTH_IN, LabFigure, canvas
from labtools.plots.colours import DECODE, TTFT, WAITING

POINTS = 72


def texts(svg: str) -> dict[str, float]:
    """The words in a drawing, with where they begin: points from the left."""
    found = re.findall(r'<text style="([^"]+)" x="([\d.]+)"[^>]*>([^<]+)</text>', svg)
    return {words: float(x) for _, x, words in found}


def width(svg: str) -> float:
    return float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]


def bars(*ends: str, inside: str = "", share: float = 1.0) -> LabFigure:
    with canvas() as drawing:
        for row, words in enumerate(ends):
            drawing.bar(-row, (share, TTFT, inside), (1 - share, DECODE, ""), end=words)
        drawing.rows([f"row {row}" for row in range(len(ends))])
        return drawing.done("alt")


def test_it_is_drawn_twice_with_the_same_words() -> None:
    figure = bars("1 s", "2 s")
    assert width(figure.svg) == pytest.approx(WIDTH_IN * POINTS)
    assert width(figure.narrow_svg) == pytest.approx(NARROW_IN * POINTS)
    assert {"1 s", "2 s", "row 0", "row 1"} <= texts(figure.svg).keys()
    assert {"1 s", "2 s", "row 0", "row 1"} <= texts(figure.narrow_svg).keys()
    assert figure.html.index('media="(max-width: 600px)"') < figure.html.index("<img")


@pytest.mark.parametrize("letters", [1, 10, 20])
def test_the_axis_grows_until_the_words_at_an_end_fit(letters: int) -> None:
    figure = bars("m" * letters)
    for svg in (figure.svg, figure.narrow_svg):
        words_begin = texts(svg)["m" * letters]
        em_points = 11  # more than an m is wide at 11 points
        assert words_begin + letters * em_points <= width(svg) + letters
        assert words_begin > 0.2 * width(svg) or letters > 10


def test_on_a_logarithmic_axis_the_words_at_an_end_take_no_more_room_than_they_need() -> None:
    letters = 10
    with canvas() as drawing:
        drawing.axes.set_xscale("log")
        drawing.axes.plot([1, 100_000], [0, 1])
        drawing.axes.set_xlim(1, 100_000)
        drawing.label_end(100_000, 1, "m" * letters)
        figure = drawing.done("alt")
    for svg in (figure.svg, figure.narrow_svg):
        room = width(svg) - texts(svg)["m" * letters]
        assert 9 * letters <= room <= 12 * letters + 12


def test_words_at_ends_that_are_near_each_other_move_apart() -> None:
    heights = {"one": 0.50, "two": 0.51, "three": 0.52, "far": 0.9}
    with canvas() as drawing:
        for name, height in heights.items():
            drawing.axes.plot([0, 1], [0, height])
            drawing.label_end(1, height, name)
        drawing.axes.set_ylim(0, 1)
        figure = drawing.done("alt")
    for svg in (figure.svg, figure.narrow_svg):
        lines = dict(re.findall(r' y="([\d.]+)"[^>]*>(one|two|three|far)</text>', svg))
        down = {name: float(y) for y, name in lines.items()}
        assert down["one"] - down["two"] >= 10.9 <= down["two"] - down["three"]
        axis_points = 3.0 * POINTS
        assert down["one"] - down["far"] < 0.4 * axis_points


def test_words_that_do_not_fit_into_their_bar_are_left_out() -> None:
    assert "0.123" in texts(bars("", inside="0.123").svg)
    assert "0.123" not in texts(bars("", inside="0.123", share=0.05).svg)
    middling = bars("", inside="rather a few words in it", share=0.45)
    assert "rather a few words in it" in texts(middling.svg)
    assert "rather a few words in it" not in texts(middling.narrow_svg)


def test_a_key_takes_as_many_lines_as_it_needs() -> None:
    names = ["a long name for it", "another long name", "and a third one here"]
    with canvas() as drawing:
        drawing.bar(0, (1, TTFT, ""))
        drawing.rows(["some row"])
        drawing.key(dict(zip(names, (TTFT, DECODE, WAITING), strict=True)), "a title $x$")
        figure = drawing.done("alt")
    wide, narrow = texts(figure.svg), texts(figure.narrow_svg)
    assert {*names, "a title $x$"} <= wide.keys()
    assert {*names, "a title $x$"} <= narrow.keys()
    assert len({wide[name] for name in names}) > len({narrow[name] for name in names}) >= 1


def test_both_drawings_repeat_to_the_last_byte() -> None:
    assert bars("1 s") == bars("1 s")
