"""The calls you do not make: what code does instead, what shorter answers and fewer save; and four
ways to write a change to a file down.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from labtools.coding_agent.tools import IN_CODE
from labtools.course import data
from labtools.course.audit import ESSAY_MODELS, MAVERICK
from labtools.course.fewer_calls import checks as check
from labtools.course.fewer_calls import figures
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.tokens import count_tokens

PREDICTING = MAVERICK.but(name="predicting", prediction_tokens_per_step=16)
"""The big model on an endpoint that takes predictions; the 16 are this course's assumption."""


Hunk = tuple[int, int, list[str]]
"""Lines `start` to `end` of the file, counted from 0, and what stands there afterwards."""


def whole_file(before: str, after: str) -> str:
    """The new file in a block of code."""
    return f"```python\n{after}```"


def search_and_replace(before: str, after: str) -> str:
    """For each change the old lines and the new, with as many lines around as make it unique."""
    lines = before.splitlines()
    blocks = []
    for start, end, new in _hunks(before, after):
        first, last = start, max(end, start + 1)
        last += not new  # nothing in a line's place would still be a line
        while before.count("\n".join(lines[first:last])) > 1 and (first or last < len(lines)):
            first, last = max(0, first - 1), min(len(lines), last + 1)
        old = "\n".join(lines[first:last])
        replaced = "\n".join([*lines[first:start], *new, *lines[end:last]])
        blocks.append(f"<<<<<<< SEARCH\n{old}\n=======\n{replaced}\n>>>>>>> REPLACE")
    return "\n".join(blocks)


def unified_diff(before: str, after: str) -> str:
    """With three lines of context, as `diff -u` writes it."""
    return "\n".join(
        difflib.unified_diff(before.splitlines(), after.splitlines(), "a", "b", lineterm="")
    )


def line_numbers(before: str, after: str) -> str:
    """Numbers of the lines to replace, and the new lines. The model has to count."""
    return "\n".join(
        "\n".join([f"{start + 1}-{end}:", *new]) for start, end, new in _hunks(before, after)
    )


FORMATS: Mapping[str, Callable[[str, str], str]] = {
    "whole file": whole_file,
    "unified diff": unified_diff,
    "search and replace": search_and_replace,
    "line numbers": line_numbers,
}


def tokens_by_format(before: str, after: str) -> dict[str, int]:
    """How long the change is in each format, at four characters a token."""
    return {name: count_tokens(write(before, after)) for name, write in FORMATS.items()}


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A file of Python's standard library with one line changed, and its counts."""

    name: str
    lines: int
    old: str
    new: str
    tokens: Mapping[str, int]


@cache
def measured_files() -> Sequence[MeasuredFile]:
    """Three files, short to long; a test counts them again."""
    return tuple(MeasuredFile(**table) for table in data("fewer_calls/edit_formats.toml")["file"])


def _hunks(before: str, after: str) -> Iterator[Hunk]:
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            yield start, end, new[new_start:new_end]
