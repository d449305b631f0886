"""The monthly report."""

from ledger.amounts import cents


def total_cents(amounts: list[str]) -> int:
    """The sum of all amounts."""
    return sum(cents(amount) for amount in amounts if amount)


def total_line(amounts: list[str]) -> str:
    """The report's last line: "Total: 1300.00"."""
    total = total_cents(amounts)
    sign = "-" if total < 0 else ""
    return f"Total: {sign}{abs(total) // 100}.{abs(total) % 100:02}"
