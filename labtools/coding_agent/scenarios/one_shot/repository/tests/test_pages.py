"""What the pages of a list are."""

from listing.pages import page, pages


def test_full_pages() -> None:
    """Six items fill two pages of three."""
    assert pages("abcdef", 3) == ["abc", "def"]


def test_one_page() -> None:
    """Pages are counted from 1."""
    assert page("abcdef", 2, 2) == "cd"


def test_last_page_may_be_short() -> None:
    """The seventh item is not lost."""
    assert pages("abcdefg", 3) == ["abc", "def", "g"]
