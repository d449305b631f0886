"""The notation page names what labtools has, under the name that it has there."""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from functools import reduce
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "chapters" / "notation.md"
# Where the classes are that the page names without their module.
MODULES = {
    "CallRecord": "labtools.records",
    "LatencyProfile": "labtools.model.profile",
    "PrefixCache": "labtools.model.profile",
    "Trace": "labtools.lab.trace",
}


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in cells if row[0] != "Symbol" and not row[0].startswith("---")]


NAMES = sorted({name for row in rows() for name in re.findall(r"`([^`]+)`", row[-1])})


def resolved(name: str) -> object:
    """What the page means by ``LatencyProfile.rtt_s`` or ``metrics.amdahl_speedup``."""
    first, *rest = name.split(".")
    if first in MODULES:
        return reduce(getattr, rest, getattr(importlib.import_module(MODULES[first]), first))
    found: object = importlib.import_module("labtools")
    for part in (first, *rest):
        with suppress(ModuleNotFoundError):  # not imported yet, or no module
            importlib.import_module(f"{getattr(found, '__name__', '')}.{part}")
        found = getattr(found, part)
    return found


def test_the_page_has_rows_and_each_has_four_cells() -> None:
    assert len(rows()) > 20
    assert {len(row) for row in rows()} == {4}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_exists(name: str) -> None:
    assert resolved(name) is not None


@pytest.mark.parametrize("name", ["CallRecord.latency", "metrics.speedup", "nowhere.at_all"])
def test_a_name_that_does_not_exist_is_noticed(name: str) -> None:
    with pytest.raises(AttributeError):
        resolved(name)


def test_a_symbol_that_means_two_things_says_where() -> None:
    symbols = [row[0] for row in rows() if row[0]]
    assert len(symbols) == len(set(symbols))
