"""Bookings of a meeting room. A booking is (start, end), in hours."""

Booking = tuple[float, float]


def overlap(one: Booking, other: Booking) -> bool:
    """Whether two bookings share any time. One that ends as the other starts does not."""
    return other[0] <= one[0] < other[1]


def clashes(wanted: Booking, booked: list[Booking]) -> list[Booking]:
    """The existing bookings that a wanted one would clash with."""
    return [booking for booking in booked if overlap(wanted, booking)]
