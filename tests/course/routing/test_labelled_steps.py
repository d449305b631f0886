"""The labelled set is whole, and balanced between its halves."""

from __future__ import annotations

from collections import Counter

from labtools.course.routing.router_score import labelled_steps

STEP_TYPES = ("tool_call", "verify", "code_generation", "plan")


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


def test_the_ids_differ_and_every_step_has_tokens_both_ways():
    steps = labelled_steps()
    assert len({step.id for step in steps}) == len(steps)
    assert {step.request.type for step in steps} == set(STEP_TYPES)
    assert min(step.request.input_tokens for step in steps) >= 1
    assert min(step.output_tokens for step in steps) >= 1
