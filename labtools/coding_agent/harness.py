"""The harness: steps that code takes, so that no model is asked.

pytest's report names the failing test, the error and each file on the way to it; the test's imports
name the code that it is about. Where that does not suffice, ToolError: a model is asked after all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from labtools.coding_agent.tools import Locate, Search
from labtools.coding_agent.workspace import ToolError, Workspace, is_test

IN_CODE = ("parse_error", "locate_file", "read_source", "read_test", "apply_patch")
"""The steps that code can take. *Verify* is not among them: see `Switches.tests_decide`."""

_FRAME = re.compile(r"^(\S+\.py):\d+: in \w+\n +(.+)$", re.MULTILINE)
_ERROR = re.compile(r"^E +(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Failure:
    """The first failure in a report of pytest."""

    error: str
    test: str
    """The test's file."""
    statement: str
    """The line of the test that failed."""
    files: tuple[str, ...]
    """Of the frames, from the test to where it was raised."""


def failure_in(report: str) -> Failure:
    """What the report says, in its short form of tracebacks."""
    error, frames = _ERROR.search(report), _FRAME.findall(report)
    if error is None or not frames:
        raise ToolError("The report names no failing line.")
    test, statement = frames[0]
    return Failure(error[1], test, statement, tuple(file for file, _ in frames))


def search_for(report: str) -> Search:
    """A search for the function that the failing line calls."""
    failure = failure_in(report)
    called = re.search(r"(\w+)\(", failure.statement)
    if called is None:
        raise ToolError("The failing line calls nothing.")
    return Search(error=failure.error, text=f"def {called[1]}")


def location(report: str, workspace: Workspace) -> Locate:
    """The code that raised; where the test itself did, the first module that it imports."""
    failure = failure_in(report)
    sources = [path for path in workspace.paths() if not is_test(path)]
    raised_in = [file for file in failure.files if file in sources]
    imported = (
        path
        for module in _imports(workspace.read(failure.test))
        for path in sources
        if f"/{path}".endswith(f"/{module.replace('.', '/')}.py")
    )
    source = raised_in[-1] if raised_in else next(imported, None)
    if source is None:
        raise ToolError(f"{failure.test} imports nothing that is here.")
    return Locate(source=source, test=failure.test)


def _imports(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
