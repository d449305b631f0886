"""Write the answer key: every lab with its folded solutions in the exercises' cells.

    python tools/answer_key.py [FOLDER]     # default: _build/answers

For instructors. It is made from the labs and not stored, so it cannot fall behind them; `grade.py`
finds all of it right.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parent.parent
SOLUTION = re.compile(r"<summary>Solution</summary>\s*```python\n(.*?)```", re.DOTALL)


def solved(lab: Path) -> Any:
    """The lab as a notebook, solved and without outputs. Raises ValueError where one is missing."""
    notebook: Any = nbformat.read(lab, as_version=4)  # type: ignore[no-untyped-call]
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    solutions = SOLUTION.findall("\n".join(texts))
    exercises = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    if len(solutions) != len(exercises):
        raise ValueError(f"{lab}: {len(exercises)} exercises and {len(solutions)} solutions")
    for cell, solution in zip(exercises, solutions, strict=True):
        cell.source = solution.rstrip("\n")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def main() -> int:
    """Write them all, and say where."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "answers"
    folder.mkdir(parents=True, exist_ok=True)
    labs = sorted((ROOT / "labs").glob("*.ipynb"))
    for lab in labs:
        nbformat.write(solved(lab), folder / lab.name)  # type: ignore[no-untyped-call]
    print(f"The solved labs are in {folder}: {', '.join(lab.stem for lab in labs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
