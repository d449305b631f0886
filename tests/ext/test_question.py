"""Questions that check themselves: folds, of which exactly one is right."""

from __future__ import annotations

import pytest
from docutils.core import publish_doctree
from docutils.parsers.rst import directives
from docutils.utils import SystemMessage
from question import Question

directives.register_directive("question", Question)
SETTINGS = {"halt_level": 2, "report_level": 5}


def asked(*answers: str) -> str:
    body = "\n".join(f"   {answer}" for answer in answers)
    return publish_doctree(f".. question:: What?\n\n{body}", settings_overrides=SETTINGS).astext()


def test_every_answer_says_whether_it_is_right_and_why() -> None:
    text = asked("+ This. :: It is so.", "- That. :: It is not.")
    assert (
        text.index("What?") < text.index("This.") < text.index("Right.") < text.index("It is so.")
    )
    assert text.index("That.") < text.index("No.") < text.index("It is not.")
    assert text.count('<details class="answer">') == text.count("</details>") == 2


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        (("+ a :: b", "+ c :: d"), "one right answer"),
        (("- a :: b", "- c :: d"), "one right answer"),
        (("+ a :: b",), "at least one other"),
        (("+ a", "- b :: c"), "no answer: '. a'"),
    ],
)
def test_a_question_that_cannot_be_answered_is_an_error(
    answers: tuple[str, ...], fault: str
) -> None:
    with pytest.raises(SystemMessage, match=fault):
        asked(*answers)
