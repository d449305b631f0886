"""Grade notebooks: run each in `sim` and list what the course's checks say of its exercises.

    python tools/grade.py handed_in/*.ipynb --csv grades.csv

A notebook is matched to its lab by its first line, such as "# Lab 1: The latency multiplier". Its
check cells are known by their code, so that a changed or deleted check is missing, not passed.
What the students wrote is run as it is: grade in an account or a container that can afford that.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

LABS = Path(__file__).parent.parent / "labs"
CELL_LIMIT_S = 60
MOST_BAD_CELLS = 5
VERDICTS = {"Right: ": "right", "Not yet: ": "not yet"}
NO_CHECK = ("no check", "the check is not in the notebook as the course has it")
# What is graded reaches no endpoint, neither the class's nor one of the grader's own.
KEPT_BACK = ("OPENAI_", "LABTOOLS_")

Notebook = Any  # nbformat's NotebookNode, a dictionary with attributes


@dataclass(frozen=True)
class Grade:
    """What is known of one exercise in one notebook."""

    notebook: str
    lab: str
    exercise: int
    """From 1; 0 for a notebook that cannot be graded."""
    verdict: str
    """"right", "not yet", "error", "no check" or "not graded"."""
    message: str


class NotGradable(Exception):
    """Why a whole notebook gets no grade."""


def course_checks(folder: Path = LABS) -> dict[str, list[str]]:
    """The code of each lab's checks, in order, by the lab's first line."""
    labs = [nbformat.read(path, as_version=4) for path in sorted(folder.glob("*.ipynb"))]
    return {
        _first_line(lab): [
            cell.source.strip() for cell in lab.cells if "check" in cell.metadata.get("tags", [])
        ]
        for lab in labs
    }


def grade(path: Path, checks: Mapping[str, list[str]], limit_s: int = CELL_LIMIT_S) -> list[Grade]:
    """A grade for each exercise of the lab that the notebook is; one for all if there is none."""
    title = ""
    try:
        notebook = _read(path)
        title = _first_line(notebook)
        if title not in checks:
            raise NotGradable(f"it begins with none of these: {', '.join(checks)}")
        # A check that never ends is replaced while running, so it is looked up before.
        places = {cell.source.strip(): place for place, cell in enumerate(notebook.cells)}
        run(notebook, limit_s)
    except NotGradable as problem:
        return [Grade(path.name, title, 0, "not graded", str(problem))]
    grades, after = [], 0
    for number, check in enumerate(checks[title], start=1):
        said = NO_CHECK
        if check in places:
            said = _said(notebook.cells[after : places[check] + 1])
            after = places[check] + 1
        grades.append(Grade(path.name, title, number, *said))
    return grades


def run(notebook: Notebook, limit_s: int) -> None:
    """Run all cells on a fresh kernel, whatever goes wrong in them, and leave the outputs in them.

    A cell that does not end in time, or ends the kernel, is replaced by one that says so, and all
    begins anew: it costs its own exercise and no other. Raises NotGradable after five such cells.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(KEPT_BACK)}
    begun: list[Any] = []
    for _ in range(MOST_BAD_CELLS):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = []  # what is handed in is not what counts
        with tempfile.TemporaryDirectory() as folder:
            client = NotebookClient(
                notebook,
                timeout=limit_s,
                kernel_name="python3",
                allow_errors=True,
                shutdown_kernel="immediate",
                resources={"metadata": {"path": folder}},
                extra_arguments=["--log-level=CRITICAL"],
                on_cell_start=lambda cell, cell_index: begun.append(cell),
            )
            client.log.disabled = True
            try:
                client.execute(env={**environment, "LABTOOLS_ENDPOINT": "sim"})
            except CellTimeoutError:
                begun[-1].source = f'raise TimeoutError("did not end within {limit_s} s")'
            except DeadKernelError:
                begun[-1].source = 'raise RuntimeError("ended the kernel")'
            else:
                return
    raise NotGradable(f"{MOST_BAD_CELLS} of its cells do not end, or end the kernel")


def _read(path: Path) -> Notebook:
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # anything may have been handed in
        raise NotGradable(f"no notebook: {type(error).__name__}: {_one_line(error)}") from None
    return notebook


def _first_line(notebook: Notebook) -> str:
    source = notebook.cells[0].source if notebook.cells else ""
    return str(source).strip().partition("\n")[0]


def _said(cells: Iterable[Any]) -> tuple[str, str]:
    """Verdict and message of the check that ends these cells; else the first error in them."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    text = str(outputs[-1].get("data", {}).get("text/plain", "")) if outputs else ""
    for start, verdict in VERDICTS.items():
        if text.startswith(start):
            return verdict, text.removeprefix(start)
    for output in outputs:
        if output.output_type == "error":
            return "error", f"{output.ename}: {_one_line(output.evalue)}"
    return "error", "the check said nothing"


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:200]


def main() -> int:
    """Grade all that is named; 1 when a notebook could not be graded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write a row an exercise")
    parser.add_argument(
        "--limit", type=int, default=CELL_LIMIT_S, metavar="S", help="seconds a cell (%(default)s)"
    )
    arguments = parser.parse_args()
    checks, counts = course_checks(), Counter[str]()
    with arguments.csv.open("w", newline="") if arguments.csv else nullcontext() as file:
        table = csv.writer(file) if file else None
        if table:
            table.writerow(field.name for field in fields(Grade))
        for path in arguments.notebooks:
            for one in grade(path, checks, arguments.limit):
                counts[one.verdict] += 1
                print(f"{one.notebook:32} {one.exercise}  {one.verdict:10}  {one.message}")
                if file and table:
                    table.writerow(astuple(one))
                    file.flush()  # what is graded stays graded, whatever comes next
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    return int(bool(counts["not graded"]))


if __name__ == "__main__":
    sys.exit(main())
