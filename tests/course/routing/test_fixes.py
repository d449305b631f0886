"""Every right fix is right and every wrong one wrong, by the tests that come with it."""

from __future__ import annotations

import pytest

from labtools.course.routing.small_model import fix_tasks, fixes

ALL = fixes()


def passes(code, tests):
    names = {}
    try:
        exec(code, names)  # the course's own code, from its own file
        exec(tests, names)
    except Exception:
        return False
    return True


def ids(fix):
    return f"{fix.task.name}-{'right' if fix.right else 'wrong'}"


@pytest.mark.parametrize("fix", ALL, ids=ids)
def test_a_fix_is_what_it_is_said_to_be(fix):
    assert passes(fix.code, fix.task.visible)
    assert passes(fix.code, fix.task.hidden) is fix.right


@pytest.mark.parametrize("task", fix_tasks(), ids=lambda task: task.name)
def test_a_task_is_broken_and_its_tests_say_so(task):
    assert not passes(task.broken, task.visible)


def test_there_are_as_many_right_as_wrong_fixes_and_no_two_alike():
    assert len(ALL) >= 100
    assert sum(fix.right for fix in ALL) * 2 == len(ALL)
    assert len({fix.code for fix in ALL}) == len(ALL)


def test_a_diff_shows_what_goes_and_what_comes():
    fix = next(fix for fix in ALL if fix.task.name == "is_leap" and not fix.right)
    assert fix.diff == (
        "--- calendar_rules/leap.py\n"
        " def is_leap(year):\n-    return year % 4 == 1\n+    return year % 4 == 0"
    )
