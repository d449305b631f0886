"""Pages of a long list."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def page_count(items: int, page_size: int) -> int:
    """Pages that `items` fill; the last one may be short. No items, no pages."""
    return items // page_size


def page(items: Sequence[T], number: int, page_size: int) -> Sequence[T]:
    """The items on one page. Pages are counted from 1."""
    start = (number - 1) * page_size
    return items[start : start + page_size]


def pages(items: Sequence[T], page_size: int) -> list[Sequence[T]]:
    """All pages, in order."""
    count = page_count(len(items), page_size)
    return [page(items, number, page_size) for number in range(1, count + 1)]
