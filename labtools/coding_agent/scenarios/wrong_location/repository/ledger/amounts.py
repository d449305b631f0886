"""Amounts as a bank writes them."""


def cents(amount: str) -> int:
    """Whole cents of an amount such as "12.50" or "-1,234.50": commas group thousands."""
    negative = amount.strip().startswith("-")
    units, _, rest = amount.strip().lstrip("-").partition(".")
    value = int(units.split(",")[0] or 0) * 100 + int(rest.ljust(2, "0")[:2])
    return -value if negative else value
