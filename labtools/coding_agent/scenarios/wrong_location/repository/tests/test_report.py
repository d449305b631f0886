"""What the report says."""

from ledger.report import total_line


def test_small_amounts() -> None:
    """Cents add up."""
    assert total_line(["12.50", "7.5", "-0.25"]) == "Total: 19.75"


def test_thousands() -> None:
    """The export groups thousands with commas."""
    assert total_line(["1,234.50", "65.50"]) == "Total: 1300.00"
