"""When bookings clash."""

from rooms.bookings import clashes, overlap


def test_starts_within() -> None:
    """It starts while the other still runs."""
    assert overlap((10, 12), (9, 11))


def test_touching() -> None:
    """One ends as the other starts: the room is free."""
    assert not overlap((9, 10), (10, 11))


def test_ends_within() -> None:
    """It runs into the one after it."""
    assert clashes((9, 11), [(7, 8), (10, 12)]) == [(10, 12)]
