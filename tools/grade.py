"""Grade notebooks: run each in `sim` and list what the course's checks say of its exercises.

    python tools/grade.py handed_in/*.ipynb --csv grades.csv

A notebook is matched to its lab by its first line, such as "# Lab: The latency multiplier". Its
check cells are known by their code, so that a changed or deleted check is missing, not passed.
What the students wrote is run as it is, where bubblewrap works in a jail that holds neither your
files nor your processes; elsewhere grade in an account or a container that can afford that.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import secrets
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import nbformat
from notebook_run import DoesNotEnd, Notebook, run

LABS = Path(__file__).parent.parent / "labs"
CELL_LIMIT_S = 60
VERDICTS = {"Right: ": "right", "Not yet: ": "not yet"}
NO_CHECK = ("no check", "the check is not in the notebook as the course has it")


@dataclass(frozen=True)
class Grade:
    """What is known of one exercise in one notebook."""

    notebook: str
    """Its path, as given: in a class, all of them may have one file name."""
    lab: str
    exercise: int
    """From 1; 0 for a notebook that cannot be graded."""
    verdict: str
    """"right", "not yet", "error", "no check" or "not graded"."""
    message: str


class Check(NamedTuple):
    """A check of a lab."""

    source: str
    origin: str = ""
    """The line that imports it: what a student calls by its name is another."""

    def asked(self, nonce: str) -> list[Any]:
        """The cells that make it, and say its verdict after the nonce: nothing else counts.

        The nonce is in a cell of its own, run when what the check calls has ended.
        """
        verdict = f"verdict_{secrets.token_hex(8)}"
        made = f"{self.origin}\n{verdict} = {self.source}".lstrip()
        said = f"print({nonce!r}, {verdict})"
        return [nbformat.v4.new_code_cell(source) for source in (made, said)]


class NotGradable(Exception):
    """Why a whole notebook gets no grade."""


def course_checks(folder: Path = LABS) -> dict[str, list[Check]]:
    """Each lab's checks, in order, by the lab's first line."""
    labs = [nbformat.read(path, as_version=4) for path in sorted(folder.glob("*.ipynb"))]
    return {
        _first_line(lab): [
            Check(cell.source.strip(), _origin(cell.source.strip(), lab))
            for cell in lab.cells
            if "check" in cell.metadata.get("tags", [])
        ]
        for lab in labs
    }


def _origin(check: str, lab: Notebook) -> str:
    name = re.match(r"\w+", check)
    code = "\n".join(cell.source for cell in lab.cells if cell.cell_type == "code")
    found = name and re.search(rf"^from (\S+) import .*\b{name[0]}\b", code, re.MULTILINE)
    return f"from {found[1]} import {name[0]}" if name and found else ""


def grade(
    path: Path, checks: Mapping[str, list[Check]], limit_s: int = CELL_LIMIT_S
) -> list[Grade]:
    """A grade for each exercise of the lab that the notebook is; one for all if there is none."""
    title = ""
    try:
        notebook = _read(path)
        title = _first_line(notebook)
        if title not in checks:
            raise NotGradable(f"it begins with none of these: {', '.join(checks)}")
        ends = _ask(notebook, checks[title])
        run(notebook, limit_s)
    except (NotGradable, DoesNotEnd) as problem:
        return [Grade(str(path), title, 0, "not graded", str(problem))]
    grades, after = [], 0
    for number, check in enumerate(checks[title], start=1):
        said = NO_CHECK
        if check in ends:
            end, nonce = ends[check]
            said = _said(notebook.cells[after:end], nonce)
            after = end
        grades.append(Grade(str(path), title, number, *said))
    return grades


def _ask(notebook: Notebook, checks: Iterable[Check]) -> dict[Check, tuple[int, str]]:
    """Make each check's cell our own. Returns where it ends, and the nonce of its verdict."""
    known, cells, ends = {check.source: check for check in checks}, [], {}
    for cell in notebook.cells:
        check = known.get(cell.source.strip())
        if check:
            nonce = secrets.token_hex(16)
            cells += check.asked(nonce)
            ends[check] = len(cells), nonce
        else:
            cells.append(cell)
    notebook.cells = cells
    return ends


def _read(path: Path) -> Notebook:
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
        if not isinstance(values, dict) or "cells" not in values:
            raise NotGradable("no notebook: the file is JSON, but not an object with cells")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except NotGradable:
        raise
    except Exception as error:  # anything may have been handed in
        raise NotGradable(f"no notebook: {type(error).__name__}: {_one_line(error)}") from None
    return notebook


def _first_line(notebook: Notebook) -> str:
    source = notebook.cells[0].source if notebook.cells else ""
    return str(source).strip().partition("\n")[0]


def _said(cells: Sequence[Any], nonce: str) -> tuple[str, str]:
    """Verdict and message of the check that ends these cells; else the first error in them."""
    text = "".join(output.get("text", "") for output in cells[-1].outputs)
    for start, verdict in VERDICTS.items():
        if text.startswith(f"{nonce} {start}"):
            return verdict, text.removeprefix(f"{nonce} {start}").strip()
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        if output.output_type == "error":
            return "error", f"{output.ename}: {_one_line(output.evalue)}"
    return "error", "the check said nothing"


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:200]


def main() -> int:
    """Grade all that is named; 1 when a notebook could not be graded, 130 at Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console that has no ö, say
    parser = _parser()
    arguments = parser.parse_args()
    try:
        with _table(arguments.csv, arguments.notebooks) as file:
            return _grade_all(arguments.notebooks, arguments.limit, file)
    except UnusableTable as problem:
        parser.error(str(problem))
    except KeyboardInterrupt:
        print("Interrupted: what is listed above is graded, and the rest is not.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write a row an exercise")
    parser.add_argument(
        "--limit",
        type=_seconds,
        default=CELL_LIMIT_S,
        metavar="S",
        help="seconds a cell (%(default)s)",
    )
    return parser


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no limit: whole seconds, from 1")
    return int(text)


class UnusableTable(Exception):
    """Why the grades cannot be written where they were asked for."""


def _table(path: Path | None, notebooks: Sequence[Path]) -> AbstractContextManager[TextIO | None]:
    """The file for the grades, open before the first is known. Raises UnusableTable."""
    if path is None:
        return nullcontext()
    if path.suffix.lower() == ".ipynb" or path.resolve() in {one.resolve() for one in notebooks}:
        raise UnusableTable(
            f"--csv {path} would overwrite a notebook: name a file for the grades, such as "
            "--csv grades.csv"
        )
    try:
        # Like the console, the table takes whatever a student's message holds.
        return path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UnusableTable(
            f"cannot write {path}: {error.strerror}. Name a file in a folder that exists"
        ) from None


def _grade_all(notebooks: Sequence[Path], limit_s: int, file: TextIO | None) -> int:
    checks, counts = course_checks(), Counter[str]()
    width = max(len(str(path)) for path in notebooks)
    table = csv.writer(file) if file else None
    if table:
        table.writerow(field.name for field in fields(Grade))
    for path in notebooks:
        for one in grade(path, checks, limit_s):
            counts[one.verdict] += 1
            print(f"{one.notebook:{width}} {one.exercise}  {one.verdict:10}  {one.message}")
            if file and table:
                table.writerow(map(_as_text, astuple(one)))
                file.flush()  # what is graded stays graded, whatever comes next
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    return int(bool(counts["not graded"]))


def _as_text(cell: object) -> object:
    """The cell, quoted where a spreadsheet would take it for a formula."""
    formula = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    return f"'{cell}" if formula else cell


if __name__ == "__main__":
    sys.exit(main())
