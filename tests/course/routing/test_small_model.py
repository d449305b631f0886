"""Verdicts are counted as they were given, and a guess looks like one."""

from __future__ import annotations

import pytest

from labtools.course.routing.figures import accepted_fixes
from labtools.course.routing.small_model import (
    ORDERS,
    Counted,
    Judgement,
    SmallModelResults,
    fixes,
    small_model_results,
)
from labtools.errors import NothingMeasured


def results_of(answer):
    """Ten right and ten wrong fixes, each asked in both orders; `answer` plays the model."""
    verdicts = [
        Judgement(
            task=str(number),
            right=right,
            order=order,
            says=answer(number, right, order),
            shares={"yes": 0.3 if answer(number, right, order) == "yes" else 0.1, "no": 0.2},
            seconds=1.0 if order == ORDERS[0] else 0.1,
        )
        for number in range(10)
        for right in (True, False)
        for order in ORDERS
    ]
    return SmallModelResults(model="m", engine="e", machine="x", date="d", verify=verdicts)


SEES = results_of(lambda number, right, order: "yes" if right else "no")
AGREES = results_of(lambda number, right, order: order[0])


def test_a_verifier_that_sees_is_right():
    assert SEES.verdicts() == Counted(40, 40)
    assert SEES.changed_its_mind() == Counted(0, 20)
    found = SEES.verifier(ORDERS[0])
    assert found.catch_rates == {"subtle": 1.0}
    assert found.false_alarm_rate == 0.0


def test_an_answer_that_only_follows_the_question_is_a_guess():
    assert AGREES.verdicts() == Counted(20, 40)
    assert AGREES.changed_its_mind() == Counted(20, 20)
    assert AGREES.verifier(ORDERS[0]).catch_rates == {"subtle": 0.0}
    assert AGREES.verifier(ORDERS[1]).false_alarm_rate == 1.0


@pytest.mark.parametrize(
    ("counted", "interval"),
    # Agresti and Coull's example of no success in ten, and the formula's symmetry.
    [(Counted(0, 10), (0.0, 0.2775)), (Counted(5, 10), (0.2366, 0.7634))],
)
def test_the_interval_is_wilsons(counted, interval):
    assert counted.interval == pytest.approx(interval, abs=5e-5)


def test_a_share_of_nothing_is_none():
    with pytest.raises(NothingMeasured, match="share of nothing"):
        _ = Counted(0, 0).share


def test_the_figure_counts_out_loud():
    figure = accepted_fixes(AGREES)
    assert "asked for yes or no, it accepts 10 of the 10 right fixes" in figure.alt
    assert "asked for no or yes, it accepts 0 of the 10 wrong fixes" in figure.alt


def test_the_stored_results_judge_the_fixes_that_the_course_has():
    run = small_model_results()
    asked = {(judgement.task, judgement.right) for judgement in run.verify}
    assert asked == {(fix.task.name, fix.right) for fix in fixes()}
    assert run.said_yes(True).of == run.said_yes(False).of == len(fixes())
