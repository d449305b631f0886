"""Strings and numbers that a conjunction allows: short, and like what a model would write."""

from __future__ import annotations

import json
import math
import random
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

from labtools.mock.schema.conjunction import Conjunction
from labtools.mock.schema.limits import (
    CHARS_PER_STEP,
    MAX_STRING_CHARS,
    Budget,
    NoValue,
)
from labtools.mock.schema.patterns import string_from

_ATTEMPTS = 48
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


def number(conjunction: Conjunction, rng: random.Random, whole: bool) -> int | float:
    """A number within the bounds; small and near zero, or near its bound, where there is room."""
    low, low_excluded, high, high_excluded = conjunction.range()
    step = conjunction.step()
    if whole:
        steps = [Fraction(1) if step is None else Fraction(math.lcm(step.numerator, 1))]
    else:
        steps = [step] if step else [Fraction(1, 10**digits) for digits in (2, 6, 12, 18, 340)]
    for size in steps:
        least = most = None
        if low is not None:
            least = math.ceil(low / size)
            least += low_excluded and least * size == low
        if high is not None:
            most = math.floor(high / size)
            most -= high_excluded and most * size == high
        if least is None or most is None or least <= most:
            multiples = (rng.randint(*_window(least, most, size)) for _ in range(8))
            return _number(size, multiples, whole, step is not None)
    raise NoValue("no number lies within minimum, maximum and multipleOf")


def _window(least: int | None, most: int | None, size: Fraction) -> tuple[int, int]:
    """The multiples to draw from: about a hundred units, of all that are allowed."""
    usual = max(10, math.ceil(100 / size))
    if least is None:
        least = 0 if most is None or most >= 0 else most - usual
    if most is None:
        most = max(usual, least + usual // 10)
    if most - least > 100 * usual:
        least = max(least, min(0, most - usual))
        most = min(most, least + usual)
    return least, most


def _number(size: Fraction, multiples: Iterator[int], whole: bool, divided: bool) -> int | float:
    value: int | float = 0
    for multiple in multiples:
        found = size * multiple
        if whole or abs(found) >= 2**1023:
            return int(found)
        value = float(found)
        # Some validators divide floats: 0.29 / 0.01 is 28.999999999999996 to them.
        if not divided or (float(size) and (value / float(size)).is_integer()):
            break
    return value


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
    names = [
        name
        for keyword in ("contentEncoding", "contentMediaType", "format")
        for name in conjunction.values(keyword)
    ]
    formats = [FORMATS[name] for name in names if name in FORMATS]
    for attempt in range(_ATTEMPTS):
        if formats and attempt < 8:
            found = formats[attempt % len(formats)](rng)
        elif patterns:
            pattern = patterns[attempt % len(patterns)]
            found = string_from(pattern, rng, budget, attempt // len(patterns), shortest, longest)
        else:
            found = _words(rng, shortest, longest)
        budget.spend(len(found) // CHARS_PER_STEP)
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


FORMATS: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "date": _date,
        "time": _time,
        "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}",
        "duration": lambda rng: f"PT{rng.randint(1, 90)}M",
        "email": lambda rng: f"{word(rng)}@example.com",
        "idn-email": lambda rng: f"{word(rng)}@example.com",
        "hostname": lambda rng: f"{word(rng)}.example.com",
        "idn-hostname": lambda rng: f"{word(rng)}.example.com",
        "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",
        "ipv6": _ipv6,
        "uri": lambda rng: f"https://example.com/{word(rng)}",
        "url": lambda rng: f"https://example.com/{word(rng)}",
        "iri": lambda rng: f"https://example.com/{word(rng)}",
        "uri-reference": lambda rng: f"/{word(rng)}/{word(rng)}",
        "iri-reference": lambda rng: f"/{word(rng)}/{word(rng)}",
        "uri-template": lambda rng: f"https://example.com/{{{word(rng)}}}",
        "uuid": _uuid,
        "uuid4": _uuid,
        "json-pointer": lambda rng: f"/{word(rng)}/{rng.randint(0, 9)}",
        "relative-json-pointer": lambda rng: f"{rng.randint(0, 3)}/{word(rng)}",
        "regex": lambda rng: f"^{word(rng)}$",
        "path": lambda rng: f"src/{word(rng)}.py",
        "file-path": lambda rng: f"src/{word(rng)}.py",
        "directory-path": lambda rng: f"src/{word(rng)}",
        "base64": lambda rng: b64encode(json.dumps(word(rng)).encode()).decode(),
        "application/json": lambda rng: json.dumps(word(rng)),
        "json-string": lambda rng: json.dumps(word(rng)),
    }
)
"""What draws a string of a format, by the format's name. Other formats get words.

`contentEncoding` and `contentMediaType` are looked up here as well.
"""
