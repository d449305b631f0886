"""Run the labs and store their text outputs in them, or check that they are stored so.

    python tools/store_outputs.py labs/*.ipynb            run and store
    python tools/store_outputs.py --check labs/*.ipynb    check what is stored, run nothing

What is stored is what nbval compares on every machine: text and tables. Figures and widgets are
not, so a cell that shows one carries the tag ``nbval-ignore-output`` and is stored without
outputs. Neither are times, counts and versions, so that a difference is a difference in results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

IGNORE_TAG = "nbval-ignore-output"
STORED_TYPES = {"text/plain", "text/html", "text/markdown"}
PICTURE_MARKS = ("<img", "<svg", "<canvas")
KEPT_CELL_METADATA = {"tags", "jupyter", "mystnb"}
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_TIMEOUT_S = 120

Notebook = Any  # nbformat's NotebookNode, a dictionary with attributes


class NotStorable(ValueError):
    """A cell whose output cannot be stored as text."""


def clean(notebook: Notebook) -> Notebook:
    """A copy with nothing in it but sources, tags and text outputs.

    Raises NotStorable for an untagged cell that shows a figure or a widget, or that failed.
    """
    result = deepcopy(notebook)
    result.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(result.cells, start=1):
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in KEPT_CELL_METADATA}
        )
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            # nbval takes a cell without a count for one that was never run.
            cell.execution_count = number
            ignored = IGNORE_TAG in cell.metadata.get("tags", [])
            cell.outputs = [] if ignored else list(_stored(cell.outputs, number))
    return result


def _stored(outputs: list[Any], number: int) -> Iterator[Any]:
    """The outputs as they are stored; neighbours of one stream are joined into one."""
    last_stream = None
    for output in outputs:
        if output.output_type == "error":
            raise NotStorable(f"cell {number} failed: {output.ename}: {output.evalue}")
        if output.output_type == "stream":
            if last_stream is not None and last_stream.name == output.name:
                last_stream.text += output.text
                continue
            last_stream = output
        else:
            last_stream = None
            _require_text(output.data, number)
            output.metadata = nbformat.from_dict({})
            if output.output_type == "execute_result":
                output.execution_count = number
        yield output


def _require_text(data: dict[str, Any], number: int) -> None:
    others = sorted(set(data) - STORED_TYPES)
    pictured = any(mark in data.get("text/html", "") for mark in PICTURE_MARKS)
    if others or pictured:
        found = ", ".join(others) or "a picture in text/html"
        raise NotStorable(
            f"cell {number} shows {found}, and text only is stored: "
            f"give the cell the tag {IGNORE_TAG}"
        )


def complaints(notebook: Notebook) -> list[str]:
    """What keeps a stored lab from being compared strictly; empty when nothing does."""
    try:
        wanted = clean(notebook)
    except NotStorable as problem:
        return [str(problem)]
    found = []
    if wanted != notebook:
        found.append("holds counts, metadata or outputs that are not stored")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not any(cell.outputs for cell in code):
        found.append("has no stored output, so nothing in it is compared")
    return found


def run(path: Path) -> Notebook:
    """The notebook, executed from top to bottom on a fresh kernel in its own folder."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],
    )
    return client.execute()


def store(path: Path) -> list[str]:
    """Run a lab and write it with its outputs; why it was left as it is, if it was."""
    try:
        nbformat.write(clean(run(path)), path)
    except (NotStorable, CellExecutionError) as problem:
        return [str(problem)]
    print(f"{path}: stored")
    return []


def main() -> int:
    """Store or check; 1 when a lab cannot be stored or is not stored clean."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="run nothing, change nothing")
    parser.add_argument("labs", nargs="+", type=Path)
    arguments = parser.parse_args()
    failed = False
    for path in arguments.labs:
        checked = complaints(nbformat.read(path, as_version=4)) if arguments.check else store(path)
        for complaint in checked:
            failed = True
            print(f"{path}: {complaint}", file=sys.stderr)
    if failed and arguments.check:
        print("make outputs runs the labs and stores them.", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
