"""The labelled set is whole, balanced between its halves, and a wrong file is refused in words."""

from __future__ import annotations

from collections import Counter

import pytest

from labtools.course.routing.labelled_steps import STEP_TYPES, labelled_steps, parse_steps
from labtools.errors import ConfigurationError

GOOD = {
    "id": "s1",
    "type": "plan",
    "request": "Plan.",
    "input_tokens": 10,
    "output_tokens": 5,
    "small_suffices": False,
    "why": "Because.",
    "held_out": True,
}


def test_every_type_has_steps_of_both_labels_in_both_halves():
    kinds = Counter(
        (step.request.type, step.small_suffices, step.held_out) for step in labelled_steps()
    )
    assert len(kinds) == 4 * len(STEP_TYPES)


def test_each_half_holds_half_of_each_kind():
    steps = labelled_steps()
    for step_type in STEP_TYPES:
        for label in (True, False):
            halves = Counter(
                step.held_out
                for step in steps
                if (step.request.type, step.small_suffices) == (step_type, label)
            )
            assert abs(halves[True] - halves[False]) <= 1


def test_requests_differ_and_every_label_has_its_reason():
    steps = labelled_steps()
    assert len({step.request.text for step in steps}) == len(steps)
    assert all(step.why for step in steps)


def test_a_request_does_not_give_its_label_away():
    assert not hasattr(labelled_steps()[0].request, "small_suffices")


def test_a_good_step_is_read():
    (step,) = parse_steps({"steps": [GOOD]})
    assert (step.request.text, step.small_suffices, step.held_out) == ("Plan.", False, True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], 'a list under "steps"'),
        ({"steps": ["s1"]}, "Step 1 must be an object"),
        ({"steps": [GOOD | {"small_suffices": 1}]}, "small_suffices must be a bool; found 1"),
        ({"steps": [GOOD | {"input_tokens": True}]}, "input_tokens must be a int"),
        ({"steps": [GOOD | {"type": "guess"}]}, "unknown type 'guess'. Allowed: tool_call"),
        ({"steps": [GOOD | {"output_tokens": 0}]}, "at least one token"),
        ({"steps": [GOOD, GOOD]}, "Two steps have the id 's1'"),
    ],
)
def test_a_wrong_file_is_refused_in_words(values, said):
    with pytest.raises(ConfigurationError, match=said):
        parse_steps(values)
