"""What the agent is not shown: amounts of every size and sign."""

from ledger.amounts import cents
from ledger.report import total_cents


def test_every_size() -> None:
    """An amount written with commas reads as it was."""
    for value in (0, 5, 99, 100, 123456, 123456789, 100000000, -1, -123456, -99999999):
        written = f"{'-' if value < 0 else ''}{abs(value) // 100:,}.{abs(value) % 100:02}"
        assert cents(written) == value, written


def test_total() -> None:
    """Amounts of different sizes add up, and an empty field counts nothing."""
    assert total_cents(["1,000,000.00", "", "-2,500.10", ".50"]) == 99750040
