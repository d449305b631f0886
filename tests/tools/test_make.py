"""`make test` runs every part, whatever failed before, and says which did."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In the place of every tool: it notes what it was given, and fails where it is to fail.
TOOL = """#!/bin/sh
echo "$(basename "$0") $*" >> ran
case "$(basename "$0") $*" in {failing}) exit 3;; esac
"""
CHECK = ["ruff format", "ruff check", "mypy", "store_outputs.py --check"]
UNIT = ["not timed and not compat", "-m idle", "timed and not idle"]
PARTS = [*CHECK, *UNIT, "--nbval", "jupyter-book build", "worksteal -rs"]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(folder: Path, target: str, failing: str) -> subprocess.CompletedProcess[str]:
    tools = folder / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name in ("python", "pytest", "ruff", "mypy", "jupyter-book"):
        (tools / name).write_text(TOOL.format(failing=failing), encoding="utf-8")
        (tools / name).chmod(0o755)
    for name in ("Makefile", "requirements.txt", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv" / "set-up").touch()
    command = ["make", "--no-print-directory", target]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def ran(folder: Path, parts: list[str]) -> list[str]:
    """Those of the parts that were run."""
    noted = (folder / "ran").read_text(encoding="utf-8")
    return [part for part in parts if part in noted]


def test_all_parts_that_pass_are_no_failure(tmp_path: Path) -> None:
    made = make(tmp_path, "test", failing="nothing")
    assert made.returncode == 0
    assert "Failed" not in made.stdout
    assert ran(tmp_path, PARTS) == PARTS


@pytest.mark.parametrize(
    ("failing", "failed"),
    [
        ("ruff*format*", "format"),
        ("*idle*", "idle timed"),
        ("pytest*auto*", "nbval site"),
        ("mypy*|*not?timed*", "types untimed"),
    ],
)
def test_a_part_that_fails_hides_no_other(tmp_path: Path, failing: str, failed: str) -> None:
    made = make(tmp_path, "test", failing)
    assert made.returncode != 0
    assert made.stdout.splitlines()[-1] == f"Failed: {failed}"
    assert ran(tmp_path, PARTS) == PARTS


def test_without_pages_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    made = make(tmp_path, "test", failing="jupyter-book*")
    assert made.stdout.splitlines()[-1] == "Failed: site"
    assert ran(tmp_path, PARTS) == PARTS[:-1]


@pytest.mark.parametrize(("target", "parts"), [("check", CHECK), ("unit", UNIT)])
def test_a_half_of_it_does_the_same(tmp_path: Path, target: str, parts: list[str]) -> None:
    made = make(tmp_path, target, failing="ruff*format*|*not?timed*")
    assert made.returncode != 0
    assert made.stdout.splitlines()[-1] in ("Failed: format", "Failed: untimed")
    assert ran(tmp_path, PARTS) == parts


def test_the_book_names_each_page_as_it_runs_and_keeps_the_rest_in_its_log(tmp_path: Path) -> None:
    made = make(tmp_path, "book", failing='*) echo "noise"; echo "  labs/one" >&"$PAGES_TO";; no')
    assert made.stdout.splitlines()[1:] == ["  labs/one"]
    assert (tmp_path / "_build" / "book.log").read_text(encoding="utf-8") == "noise\n"
