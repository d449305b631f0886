"""What the agent is not shown: the edges."""

from listing.pages import page_count, pages


def test_counts() -> None:
    """Ten to a page: the count grows with the first item of each page."""
    assert [page_count(items, 10) for items in (0, 1, 9, 10, 11, 20, 21)] == [0, 1, 1, 1, 2, 2, 3]


def test_nothing_is_lost_or_added() -> None:
    """For every length and every size, the pages hold the items in order, and none is empty."""
    for length in range(30):
        for size in range(1, 12):
            found = pages(range(length), size)
            assert [item for page in found for item in page] == list(range(length))
            assert all(found)
