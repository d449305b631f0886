"""Numbers as a reader takes them in."""

from __future__ import annotations

from collections.abc import Iterable


def duration(seconds: float) -> str:
    """Three digits, in the unit that keeps them short: "2.40 s", "10 s", "152 ms", "0.3 ms"."""
    if seconds < 0:
        return f"−{duration(-seconds)}".replace("−0 ms", "0 ms")
    if seconds >= 99.5:
        return f"{seconds:,.0f} s"
    if seconds >= 0.9995:
        whole = abs(seconds - round(seconds)) < 1e-6
        return f"{seconds:.3g} s" if whole else f"{seconds:#.3g} s"
    milliseconds = 1e3 * seconds
    if milliseconds < 0.0005:
        return "0 ms"
    return f"{milliseconds:.3g} ms"


def signed_share(share: float, digits: int = 0) -> str:
    """ "+12%", "−3%", "+0%": how far off something is; never minus nothing."""
    return f"{round(share, digits + 2) + 0.0:+.{digits}%}".replace("-", "−")


def four_digits(number: float) -> str:
    """ "16,000", "0.9732": four digits that count, and no exponent above 1."""
    return f"{float(f'{number:.4g}'):,.15g}"


def count(number: int, noun: str) -> str:
    """ "1 call", "1,200 calls"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def joined(parts: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last
