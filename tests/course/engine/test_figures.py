"""The figures of the real engine say in words what they draw."""

from __future__ import annotations

import pytest

from labtools.course.engine import figures
from labtools.errors import NothingMeasured


def test_ttft_is_told_cold_warm_and_in_proportion():
    figure = figures.ttft_cold_and_warm([(500, 0.05, 0.004), (8000, 4.0, 0.03)])
    assert "50 ms at 500, 4 ms warm and 4 s at 8,000, 30 ms warm" in figure.alt
    assert "the longest would take 800 ms" in figure.alt


def test_steps_are_told_with_their_line():
    figure = figures.steps_by_context([(500, 0.00175), (4000, 0.0075)], 0.001, 1.6e-6)
    assert "1.75 ms after 500 tokens and 7.5 ms after 4,000 tokens" in figure.alt
    assert "begins at 1 ms" in figure.alt


def test_errors_keep_their_sign_and_their_range():
    rows = {"the chain\nend to end": (10.0, 9.0, [-0.1, -0.2, 0.1]), "decode": (4.0, 5.0, [0.25])}
    figure = figures.held_against_engine(rows)
    assert "the chain end to end 10 s measured, 9 s predicted, −10% (−20% to +10%)" in figure.alt
    assert "+25% (+25% to +25%)" in figure.svg


@pytest.mark.parametrize("draw", [figures.ttft_cold_and_warm, figures.held_against_engine])
def test_nothing_is_not_drawn(draw):
    with pytest.raises(NothingMeasured):
        draw([])


def test_an_error_that_rounds_to_nothing_has_no_minus():
    figure = figures.held_against_engine({"decode": (10.0, 9.99, (-0.1, -0.001, 0.02))})
    assert "+0% (−10% to +2%)" in figure.alt
