"""Strings drawn from a regular expression.

The pattern is read with the standard library's parser and written out part by part. Look-around
and word boundaries are left to chance: whoever asks checks the string and asks again.
"""

from __future__ import annotations

import importlib
import random
import re
import string
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from labtools.mock.schema.limits import (
    MAX_STRING_CHARS,
    PATTERN_ITEMS_PER_STEP,
    Budget,
    NoValue,
)

# Hypothesis and rstr read patterns with the same module, which has no public name.
_parser = importlib.import_module("re._parser")

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
_PROPERTIES = {"Lu": "A-Z", "Ll": "a-z", "N": "0-9", "Nd": "0-9", "P": "!-", "Zs": " "}


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
        raise NoValue(f"the pattern {_shown(pattern)} needs more than {longest} characters")
    repeats = (4, 1, shortest + 4, 2 * shortest + 12)[attempt % 4]
    text = _Writer(rng, budget, repeats).sequence(parsed)
    if len(text) >= shortest:
        return text
    padding = "".join(rng.choices(string.ascii_lowercase, k=shortest - len(text)))
    return padding + text if attempt % 2 else text + padding


def _shown(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 80 else pattern[:80] + "...")


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> Any:
    try:
        return _parser.parse(_as_python(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise NoValue(f"the pattern {_shown(pattern)} cannot be drawn from: {error}") from error


_ECMA_TOKENS = re.compile(
    r"\\u\{(?P<point>[0-9a-fA-F]+)\}|\\c(?P<control>[A-Za-z])|\\[pP]\{(?P<property>[^}]*)\}"
    r"|(?P<open>\(\?<)(?![=!])|\\.|\[\^?|\]",
    re.DOTALL,
)


def _as_python(pattern: str) -> str:
    """The pattern in Python's spelling where ECMA-262, which JSON Schema asks for, differs."""
    in_class = False

    def respell(match: re.Match[str]) -> str:
        nonlocal in_class
        token = match.group()
        if match["point"]:
            return rf"\U{int(match['point'], 16):08x}"
        if match["control"]:
            return rf"\x{ord(match['control']) % 32:02x}"
        if match["property"] is not None:
            name = match["property"].rpartition("=")[2]
            members = "0-9" if token[1] == "P" else _PROPERTIES.get(name, "a-z")
            return members if in_class else f"[{members}]"
        if in_class:
            in_class = token != "]"
            return "\\[" if token == "[" else token
        if match["open"]:
            return "(?P<"
        in_class = token in ("[", "[^")
        return token

    return _ECMA_TOKENS.sub(respell, pattern)


class _Writer:
    """Writes one string from a parsed pattern, with at most `repeats` more than it must have."""

    def __init__(self, rng: random.Random, budget: Budget, repeats: int) -> None:
        self._rng = rng
        self._budget = budget
        self._repeats = repeats
        self._written = 0
        self._groups: dict[int, str] = {}

    def sequence(self, items: Any) -> str:
        return "".join([self._item(str(name), value) for name, value in items])

    def _item(self, name: str, value: Any) -> str:
        self._written += 1
        if self._written % PATTERN_ITEMS_PER_STEP == 0:
            self._budget.spend()
        write: Callable[[Any], str] | None = getattr(self, f"_{name.lower()}", None)
        return write(value) if write else ""  # AT, ASSERT, ASSERT_NOT: nothing is written

    def _literal(self, code: int) -> str:
        return chr(code)

    def _not_literal(self, code: int) -> str:
        return self._outside([("LITERAL", code)])

    def _any(self, _: None) -> str:
        return self._rng.choice(string.ascii_lowercase)

    def _in(self, members: Sequence[tuple[Any, Any]]) -> str:
        if str(members[0][0]) == "NEGATE":
            return self._outside([(str(name), value) for name, value in members[1:]])
        name, value = self._rng.choice(members)
        if str(name) == "LITERAL":
            return chr(value)
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
            raise NoValue("a character class of the pattern admits no character")
        return chr(self._rng.randint(first, last))

    def _outside(self, members: Sequence[tuple[str, Any]]) -> str:
        def holds(char: str, name: str, value: Any) -> bool:
            if name == "LITERAL":
                return bool(ord(char) == value)
            if name == "RANGE":
                return bool(value[0] <= ord(char) <= value[1])
            negated = str(value).replace("CATEGORY_NOT_", "CATEGORY_")
            digits = {"CATEGORY_DIGIT": string.digits, "CATEGORY_SPACE": " "}
            inside = char in digits.get(negated, _WORD + "_")
            return inside != (negated != str(value))

        for alphabet in (string.ascii_lowercase, _COMMON, map(chr, range(0xA1, 0x2FF))):
            left = [c for c in alphabet if not any(holds(c, *member) for member in members)]
            if left:
                return self._rng.choice(left)
        raise NoValue("a character class of the pattern admits no common character")

    def _max_repeat(self, value: tuple[int, int, Any]) -> str:
        least, most, items = value
        count = least + self._rng.randint(0, min(int(most) - least, self._repeats))
        return "".join([self.sequence(items) for _ in range(count)])

    _min_repeat = _possessive_repeat = _max_repeat

    def _subpattern(self, value: tuple[int | None, int, int, Any]) -> str:
        group, _, _, items = value
        text = self.sequence(items)
        if group is not None:
            self._groups[group] = text
        return text

    def _atomic_group(self, items: Any) -> str:
        return self.sequence(items)

    def _branch(self, value: tuple[None, Sequence[Any]]) -> str:
        return self.sequence(self._rng.choice(value[1]))

    def _groupref(self, group: int) -> str:
        return self._groups.get(group, "")

    def _groupref_exists(self, value: tuple[int, Any, Any]) -> str:
        group, matched, unmatched = value
        return self.sequence((matched if group in self._groups else unmatched) or ())
