"""The figures say in words what they draw."""

from __future__ import annotations

import re

import pytest

from labtools.course.audit import MAVERICK, SCOUT
from labtools.course.routing.figures import (
    cascade_latency,
    delivered,
    routed_shares,
    router_seconds,
)
from labtools.course.routing.router_score import SECOND_PASS, always, labelled_steps, score
from labtools.course.verifiers import Outcomes
from labtools.errors import NothingMeasured


def words_in(figure):
    return set(re.findall(r">([^<>]+)</text>", figure.svg))


def test_each_share_is_written_beside_its_bar_and_told():
    figure = routed_shares({"calls": 0.5, "cost": 0.25}, "the routed calls")
    assert {"calls", "cost", "50%", "25%"} <= words_in(figure)
    assert "50% of calls, 25% of cost" in figure.alt


def test_a_share_too_small_for_its_label_is_told_in_the_alt_text():
    figure = delivered({"big verifier": Outcomes(0.9, 0.005, 0.095, 1.2)}, {"big verifier": 10.0})
    assert {"9.5%", "10.0 s a task"} <= words_in(figure)
    assert "0.5%" not in words_in(figure)
    assert "0.5% end in a wrong fix" in figure.alt


def test_routers_are_drawn_with_the_seconds_of_their_scores():
    scores = {
        name: score(always(name), labelled_steps(), SCOUT, MAVERICK, SECOND_PASS)
        for name in ("small", "big")
    }
    figure = router_seconds(scores, "big")
    assert {f"{one.total_s:.2f} s" for one in scores.values()} <= words_in(figure)
    assert f"small {scores['small'].call_s:.2f} s of calls" in figure.alt
    assert "dashed line is big" in figure.caption


def test_a_cascade_is_labelled_with_its_crossing():
    figure = cascade_latency(0.25, 1.0, {"free": 0.0, "dear": 0.25}, [(0.0, 0.25)])
    assert {"free: 75%", "dear: 50%", "always big"} <= words_in(figure)
    assert "75% with free, 50% with dear" in figure.alt
    assert "Squares" in figure.caption
    assert "Squares" not in cascade_latency(0.25, 1.0, {"free": 0.0}).caption


def test_a_cascade_without_a_check_cannot_be_drawn():
    with pytest.raises(NothingMeasured, match="no check"):
        cascade_latency(0.25, 1.0, {})
