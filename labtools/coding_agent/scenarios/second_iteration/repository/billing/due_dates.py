"""When the next payment of a monthly subscription is due."""

import calendar
from datetime import date


def add_months(start: date, months: int) -> date:
    """The same day `months` later; the month's last day where it has no such day."""
    index = start.year * 12 + start.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return start.replace(year=year, month=month)


def due_dates(start: date, count: int) -> list[date]:
    """The first `count` due dates, the first one being `start`."""
    return [add_months(start, months) for months in range(count)]


def reminder(due: date) -> str:
    """The line in the letter: "Due on Thursday, 2024-02-29"."""
    return f"Due on {calendar.day_name[due.weekday()]}, {due}"
