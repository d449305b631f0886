"""Reads a lab's cells, and runs them as a reader would who solves every exercise."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
LABS = sorted((ROOT / "labs").glob("*.ipynb"))
TEMPLATE = ROOT / "templates" / "lab.ipynb"
_SOLUTION = re.compile(r"<summary>Solution</summary>\s*```python\n(.*?)```", re.DOTALL)


def cells(lab: Path) -> list[Any]:
    return nbformat.read(lab, as_version=4).cells


def tags(cell: Any) -> list[str]:
    return cell.metadata.get("tags", [])


def solutions(lab: Path) -> list[str]:
    """The folded solutions, in order."""
    text = "\n".join(cell.source for cell in cells(lab) if cell.cell_type == "markdown")
    return _SOLUTION.findall(text)


def stored_verdicts(lab: Path) -> list[str]:
    """What the check cells said when the lab was stored, with the exercises as they stand."""
    return [
        output.data["text/plain"]
        for cell in cells(lab)
        if "check" in tags(cell)
        for output in cell.outputs
    ]


def solved_verdicts(lab: Path) -> list[Any]:
    """What the check cells say when the whole lab is run with its exercises solved."""
    answers = iter(solutions(lab))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = []
    for cell in cells(lab):
        if cell.cell_type != "code":
            continue
        source = cell.source
        if "exercise" in tags(cell):
            source = next(answers)
        value = _run(source, namespace)
        if "check" in tags(cell):
            found.append(value)
    return found


def _run(source: str, namespace: dict[str, Any]) -> Any:
    """Run a cell; its value is that of its last line, as in a notebook."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, "<cell>", "exec"), namespace)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)
    return None
