"""What is asked of the small model, and what counts as an answer."""

from __future__ import annotations

import pytest
import small_model

from labtools.course.routing.small_model import fix_tasks, fixes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"path": "a", "line": 2}', {"path": "a", "line": 2}),
        ('Here it is:\n```json\n{"path": "a"}\n```', {"path": "a"}),
        ('a {brace} and {"x": 1}', {"x": 1}),
        ("[1, 2]", None),
        ('{"path": "cut', None),
        ("no object", None),
    ],
)
def test_an_object_is_found_wherever_it_stands(text, found):
    assert small_model.object_in(text) == found


def test_a_grammar_allows_the_choices_alone():
    assert small_model.choices(["a/b.py", "c.py"]) == 'root ::= "a/b.py" | "c.py"'


def test_verify_shows_the_change_and_the_passing_test_but_not_the_hidden_one():
    for fix in fixes():
        shown = small_model.verify_prompt(fix, ("no", "yes"))
        assert fix.diff in shown
        assert fix.task.visible in shown
        assert fix.task.hidden not in shown
        assert shown.endswith("Answer no or yes.")


def test_locate_lists_the_paths_that_may_be_chosen():
    task = fix_tasks()[0]
    assert "b.py\na.py" in small_model.locate_prompt(task, ["b.py", "a.py"])
