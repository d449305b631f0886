"""The figures say in words what they draw."""

from __future__ import annotations

import pytest

from labtools.course.compounding import figures
from labtools.course.verifiers import cap, chain_outcomes, chance_within, checker
from labtools.errors import NothingMeasured

GOOD = checker(0.9, 0.05)


def test_what_fits_is_told_for_both_backends():
    figure = figures.steps_that_fit({"a call": (8, 30), "a call\nand a check": (4, 15)}, 20)
    assert "within 20 s" in figure.alt
    assert "a call: 8 on slow, 30 on fast" in figure.alt
    assert "a call and a check: 4 on slow, 15 on fast" in figure.alt


def test_the_ends_of_chains_are_told():
    three = chain_outcomes(0.9, 10, GOOD, 3)
    figure = figures.chain_ends({"three tries": three}, {"three tries": "14.8 s"}, "mean time")
    assert f"three tries: {three.right:.0%} right, {three.wrong:.0%} wrong" in figure.alt
    assert "14.8 s" in figure.svg
    assert figure.caption.endswith("Under each pattern: mean time.")
    with pytest.raises(NothingMeasured, match="no pattern"):
        figures.chain_ends({}, {}, "mean time")


def test_each_check_has_its_cap():
    figure = figures.success_by_tries({"good": GOOD}, 0.9, 10, 20)
    assert f"good {cap(0.9, GOOD) ** 10:.0%}" in figure.alt
    assert f"good: {cap(0.9, GOOD) ** 10:.0%}" in figure.svg


def test_few_or_many_tells_both_at_the_marked_chances():
    figure = figures.few_or_many(10, 30, {"catch 90%": GOOD}, (0.9,))
    assert f"Without checks: {0.9**10:.0%} at 90%" in figure.alt
    good = f"{chance_within(15, 0.9, 10, GOOD):.0%} at 90%"
    assert f"with checks that catch 90%: {good}" in figure.alt
