"""What the agent is not shown: every way in which two bookings can lie, against the hours."""

from itertools import combinations

from rooms.bookings import overlap


def test_every_pair() -> None:
    """Two bookings overlap when some hour belongs to both."""
    bookings = list(combinations(range(7), 2))
    for one in bookings:
        for other in bookings:
            shared = set(range(*one)) & set(range(*other))
            assert overlap(one, other) == bool(shared), (one, other)
