"""When payments are due."""

from datetime import date

from billing.due_dates import add_months, due_dates


def test_over_new_year() -> None:
    """A year has twelve months."""
    assert add_months(date(2023, 11, 15), 3) == date(2024, 2, 15)


def test_from_the_end_of_a_month() -> None:
    """What starts on the 31st is due on the last day of a shorter month."""
    start = date(2024, 1, 31)
    assert add_months(start, 1) == date(2024, 2, 29)
    assert due_dates(start, 4)[3] == date(2024, 4, 30)
