"""What the agent is not shown: every month's end, and days that need no change."""

import calendar
from datetime import date

from billing.due_dates import add_months


def test_every_start_and_length() -> None:
    """The day is kept where the month has it, and is the month's last where not."""
    for year in (1900, 2000, 2023, 2024):
        for month in range(1, 13):
            for day in (1, 28, calendar.monthrange(year, month)[1]):
                for months in (-13, -1, 0, 1, 12, 25):
                    due = add_months(date(year, month, day), months)
                    last = calendar.monthrange(due.year, due.month)[1]
                    assert due.year * 12 + due.month == year * 12 + month + months
                    assert due.day == min(day, last)
