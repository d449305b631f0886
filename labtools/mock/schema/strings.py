"""Strings that a conjunction allows: short, and like what a model would write.

A pattern is read with the standard library's parser and written out part by part. What it says
of places (`^`, `$`, a word's boundary) is left to chance: the string is checked, and drawn again.
"""

from __future__ import annotations

import importlib
import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from labtools.mock.schema.conjunction import Budget, Conjunction, NoValue

MAX_STRING_CHARS = 100_000
MAX_PATTERN_CHARS = 2_000
_PATTERN_ITEMS_PER_STEP = 4
_ATTEMPTS = 48
# Hypothesis and rstr read patterns with the same module, which has no public name.
_parser = importlib.import_module("re._parser")
_TEXT = (
    "amber anchor basin beacon birch bridge candle canyon cedar circle clover copper coral cotton "
    "delta ember fabric falcon fern field forest garden garnet glacier granite harbor hazel "
    "island ivory jasper kernel lantern laurel ledger linen lumen maple marble meadow mirror "
    "needle north oak olive orchard paper pebble pepper pine planet prairie quartz quiet river "
    "saffron sage signal silver spruce stone summit timber topaz valley velvet violet walnut "
    "willow window winter "
)
_WORDS = _TEXT.split()


def word(rng: random.Random) -> str:
    """One English word in lower case."""
    return rng.choice(_WORDS)


def text(
    conjunction: Conjunction,
    rng: random.Random,
    budget: Budget,
    matches: Callable[[str, str], bool],
) -> str:
    """A string of an allowed length: in its format, from its pattern, or words.

    `matches(pattern, text)` tells whether a pattern is found in a text.
    """
    shortest, longest = conjunction.window("minLength", "maxLength", MAX_STRING_CHARS)
    patterns = [pattern for pattern in conjunction.values("pattern") if isinstance(pattern, str)]
    formats = [FORMATS[name] for name in conjunction.values("format") if name in FORMATS]
    for attempt in range(_ATTEMPTS):
        if formats and attempt < 8:
            found = formats[attempt % len(formats)](rng)
        elif patterns:
            pattern = patterns[attempt % len(patterns)]
            found = string_from(pattern, rng, budget, attempt // len(patterns), shortest, longest)
        else:
            found = _words(rng, shortest, longest)
        budget.spend(0, chars=len(found))
        if shortest <= len(found) <= longest and all(matches(p, found) for p in patterns):
            return found
    raise NoValue(f"no string was found for the patterns {patterns!r:.200} and the length")


def _words(rng: random.Random, shortest: int, longest: int) -> str:
    found = " ".join(rng.choices(_WORDS, k=rng.randint(1, 3)))
    if len(found) < shortest:
        found += "".join(" " + word for word in rng.choices(_WORDS, k=shortest // 4 + 1))
        found = found[:shortest] + found[shortest:].partition(" ")[0]
    if len(found) > longest:
        found = found[:longest]
    return found[:-1] + "s" if found.endswith(" ") else found


def _date(rng: random.Random) -> str:
    return f"{rng.randint(2020, 2029)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _time(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"


def _uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _ipv6(rng: random.Random) -> str:
    return "2001:db8:" + ":".join(f"{rng.randint(0x1000, 0xFFFF):x}" for _ in range(6))


FORMATS: Mapping[str, Callable[[random.Random], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}",
    "duration": lambda rng: f"PT{rng.randint(1, 90)}M",
    "email": lambda rng: f"{word(rng)}@example.com",
    "hostname": lambda rng: f"{word(rng)}.example.com",
    "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",
    "ipv6": _ipv6,
    "uri": lambda rng: f"https://example.com/{word(rng)}",
    "url": lambda rng: f"https://example.com/{word(rng)}",
    "uri-reference": lambda rng: f"/{word(rng)}/{word(rng)}",
    "uuid": _uuid,
    "uuid4": _uuid,
    "json-pointer": lambda rng: f"/{word(rng)}/{rng.randint(0, 9)}",
    "regex": lambda rng: f"^{word(rng)}$",
    "path": lambda rng: f"src/{word(rng)}.py",
    "file-path": lambda rng: f"src/{word(rng)}.py",
    "directory-path": lambda rng: f"src/{word(rng)}",
    "json-string": lambda rng: f'"{word(rng)}"',
}
"""What draws a string of a format, by the format's name. Other formats get words."""

_WORD = string.ascii_lowercase + string.ascii_uppercase + string.digits
_COMMON = _WORD + " -_.,:/@#$%&*+=!?;()[]{}<>'\"\\|^~`"
_CATEGORIES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_NOT_DIGIT": string.ascii_lowercase,
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": _WORD,
    "CATEGORY_WORD": _WORD,
    "CATEGORY_NOT_WORD": " -",
}


def string_from(
    pattern: str,
    rng: random.Random,
    budget: Budget,
    attempt: int = 0,
    shortest: int = 0,
    longest: int = MAX_STRING_CHARS,
) -> str:
    """One string that is likely to match `pattern`; further attempts try further lengths.

    Raises NoValue if the pattern cannot be read or needs more than `longest` characters.
    """
    budget.spend()
    parsed = _parsed(pattern)
    if parsed.getwidth()[0] > longest:
        raise NoValue(f"the pattern {pattern[:80]!r} needs more than {longest} characters")
    repeats = (4, 1, shortest + 4, 2 * shortest + 12)[attempt % 4]
    found = _Writer(rng, budget, repeats).sequence(parsed)
    if len(found) >= shortest:
        return found
    padding = "".join(rng.choices(string.ascii_lowercase, k=shortest - len(found)))
    return padding + found if attempt % 2 else found + padding


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN_CHARS:
        raise NoValue(f"a pattern has {len(pattern)} characters; at most {MAX_PATTERN_CHARS}")
    try:
        return _parser.parse(as_python(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise NoValue(f"the pattern {pattern[:80]!r} cannot be drawn from: {error}") from error


def as_python(pattern: str) -> str:
    """The pattern with named groups as Python spells them."""
    return re.sub(r"\(\?<(?![=!])", "(?P<", pattern)


class _Writer:
    """Writes one string from a parsed pattern, with at most `repeats` more than it must have."""

    def __init__(self, rng: random.Random, budget: Budget, repeats: int) -> None:
        self._rng = rng
        self._budget = budget
        self._repeats = repeats
        self._written = 0

    def sequence(self, items: Any) -> str:
        return "".join([self._item(str(name), value) for name, value in items])

    def _item(self, name: str, value: Any) -> str:
        self._written += 1
        if self._written % _PATTERN_ITEMS_PER_STEP == 0:
            self._budget.spend()
        if name == "LITERAL":
            return self._between(value, value)
        if name == "NOT_LITERAL":
            return self._outside([("LITERAL", value)])
        if name == "ANY":
            return self._rng.choice(string.ascii_lowercase)
        if name == "IN":
            return self._in(value)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, items = value
            count = least + self._rng.randint(0, min(int(most) - least, self._repeats))
            return "".join([self.sequence(items) for _ in range(count)])
        if name == "SUBPATTERN":
            return self.sequence(value[3])
        if name == "BRANCH":
            return self.sequence(self._rng.choice(value[1]))
        return ""

    def _in(self, members: Sequence[tuple[Any, Any]]) -> str:
        if str(members[0][0]) == "NEGATE":
            return self._outside([(str(name), value) for name, value in members[1:]])
        name, value = self._rng.choice(members)
        if str(name) == "LITERAL":
            return self._between(value, value)
        if str(name) == "CATEGORY":
            return self._rng.choice(_CATEGORIES[str(value)])
        first, last = value
        common = [char for char in _WORD if first <= ord(char) <= last]
        return self._rng.choice(common) if common else self._between(first, last)

    def _between(self, first: int, last: int) -> str:
        """A character of this range; half of a surrogate pair is none."""
        if first < 0xD800:
            last = min(last, 0xD7FF)
        elif first <= 0xDFFF:
            first = 0xE000
        if first > last:
            raise NoValue("the pattern asks for half of a surrogate pair")
        return chr(first if first == last else self._rng.randint(first, last))

    def _outside(self, members: Sequence[tuple[str, Any]]) -> str:
        def holds(char: str, name: str, value: Any) -> bool:
            if name == "CATEGORY":
                return char in _CATEGORIES[str(value)]
            first, last = value if name == "RANGE" else (value, value)
            return bool(first <= ord(char) <= last)

        for alphabet in (string.ascii_lowercase, _COMMON):
            left = [c for c in alphabet if not any(holds(c, *member) for member in members)]
            if left:
                return self._rng.choice(left)
        raise NoValue("a character class of the pattern admits no common character")
