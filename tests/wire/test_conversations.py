"""What the endpoint remembers of responses is bounded, and the longest unused go first."""

import pytest

from labtools.wire.api_error import ApiError
from labtools.wire.responses_items import Conversations

QUESTION = {"type": "message", "role": "user", "content": "x"}


def remember(memory: Conversations, number: int, **fields: object) -> None:
    output = {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": "y"}
    memory.remember(f"resp_{number}", ({**QUESTION, **fields},), (output,))


def known(memory: Conversations, numbers: range) -> list[int]:
    found = []
    for number in numbers:
        try:
            memory.item(f"msg_{number}")
        except ApiError:
            continue
        found.append(number)
    return found


def test_a_conversation_is_what_was_asked_and_answered():
    memory = Conversations()
    remember(memory, 1)
    asked, answered = memory.conversation("resp_1")
    assert asked == QUESTION
    assert answered == memory.item("msg_1")


def test_the_number_of_responses_is_bounded():
    memory = Conversations(most_responses=3)
    for number in range(10):
        remember(memory, number)
    assert len(memory) == 3
    assert known(memory, range(10)) == [7, 8, 9]


def test_what_they_hold_is_bounded():
    memory = Conversations(most_bytes=10_000)
    for number in range(10):
        remember(memory, number, content="x" * 1_500)
    assert known(memory, range(10)) == [8, 9]


def test_fields_that_nobody_reads_count_as_well():
    memory = Conversations(most_bytes=10_000)
    for number in range(10):
        remember(memory, number, unknown=[{"x": {}}] * 10)
    assert known(memory, range(10)) == [9]


def test_what_is_too_large_alone_is_not_kept():
    memory = Conversations(most_bytes=10_000)
    remember(memory, 1, content="x" * 10_000)
    assert len(memory) == 0
    remember(memory, 2, content="x" * 5_000)
    assert known(memory, range(3)) == [2]


def test_use_keeps_a_response():
    memory = Conversations(most_responses=2)
    remember(memory, 1)
    remember(memory, 2)
    memory.conversation("resp_1")
    remember(memory, 3)
    assert known(memory, range(4)) == [1, 3]


def test_the_same_response_again_counts_once():
    memory = Conversations(most_bytes=10_000)
    for _ in range(10):
        remember(memory, 1, content="x" * 5_000)
    assert len(memory) == 1


@pytest.mark.parametrize("lookup", ["conversation", "item"])
def test_what_is_not_known_is_a_400(lookup):
    with pytest.raises(ApiError, match="'nobody' not found") as caught:
        getattr(Conversations(), lookup)("nobody")
    assert caught.value.status == 400
