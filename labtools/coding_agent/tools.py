"""What the model may do: five tools, each with a JSON schema, checked arguments and plain errors.

A tool is a pydantic model of its arguments with a `use` method. Its docstring and its fields are
what the model is told; the same fields check what the model sends. What goes wrong is a
ToolError: its text goes back to the model, and marks the tool's span in the trace.

The harness is code that takes a step in a model's place. pytest's report names the failing test,
the error and each file on the way to it; the test's imports name the code that it is about. Where
that does not suffice, it is a ToolError too: a model is asked after all.
"""

from __future__ import annotations

import ast
import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labtools.coding_agent.workspace import ToolError, Workspace, is_test
from labtools.read_back import first_fault
from labtools.records import ToolCall

_MOST_HITS = 12
_MOST_LINE_CHARS = 120


class Tool(BaseModel):
    """One call of a tool, its arguments checked."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    name: ClassVar[str]

    @abstractmethod
    def use(self, workspace: Workspace) -> str:
        """Do it, and say what came of it. Raises ToolError."""

    @classmethod
    def schema_for_model(cls) -> dict[str, Any]:
        parameters = _without_titles(cls.model_json_schema())
        description = parameters.pop("description")
        function = {"name": cls.name, "description": description, "parameters": parameters}
        return {"type": "function", "function": function}


class Search(Tool):
    """Find lines in the source."""

    name = "search"
    error: str = Field(description="what failed, in a line")
    text: str = Field(description="what to look for")

    def use(self, workspace: Workspace) -> str:
        """Each line with the text in it, as path:number: line."""
        hits = [
            f"{path}:{number}: {line.strip()[:_MOST_LINE_CHARS]}"
            for path, text in workspace.texts().items()
            for number, line in enumerate(text.splitlines(), start=1)
            if self.text in line
        ]
        if not hits:
            files = ", ".join(workspace.paths())
            raise ToolError(f"No line contains {self.text[:100]!r}. Files here: {files}.")
        return "\n".join(hits[:_MOST_HITS])


class Locate(Tool):
    """Name the file to fix, and its test."""

    name = "locate"
    source: str
    test: str

    def use(self, workspace: Workspace) -> str:
        """Both paths, once both are known to be files."""
        workspace.file(self.source)
        workspace.file(self.test)
        return f"source: {self.source}\ntest: {self.test}"


class Read(Tool):
    """Read a file."""

    name = "read"
    path: str

    def use(self, workspace: Workspace) -> str:
        return workspace.read(self.path)


class Edit(Tool):
    """Replace a text that occurs once in a file."""

    name = "edit"
    path: str
    old: str = Field(description="exact, with its indentation")
    new: str

    def use(self, workspace: Workspace) -> str:
        text = workspace.read(self.path)
        found = text.count(self.old)
        if found != 1:
            raise ToolError(
                f"`old` occurs {found} times in {self.path}; it must occur exactly once. "
                "Copy it from the file, with enough lines around it to be unique."
            )
        if self.old == self.new:
            raise ToolError("`old` and `new` are the same: this edit changes nothing.")
        workspace.write(self.path, text.replace(self.old, self.new))
        return workspace.diff()


class Verdict(Tool):
    """Accept the fix or send it back."""

    name = "verdict"
    accepted: bool
    reason: str
    go_back_to: Literal["plan", "locate_file"] = "plan"

    def use(self, workspace: Workspace) -> str:
        return self.reason


TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in (Search, Locate, Read, Edit, Verdict)}
"""By name, in the order in which a request lists them."""


def parsed(call: ToolCall, expected: type[Tool]) -> Tool:
    """A model's tool call, checked. Raises ToolError that says what is wrong with it."""
    if call.name not in TOOLS:
        raise ToolError(f"There is no tool {call.name[:100]!r}. Tools: {', '.join(TOOLS)}.")
    if call.name != expected.name:
        raise ToolError(f"This step needs {expected.name}; found a call of {call.name}.")
    try:
        return expected.model_validate_json(call.arguments)
    except ValidationError as error:
        fault = first_fault(error)
        where = fault.field or "arguments"
        raise ToolError(f"{call.name}: {where}: {fault.allowed[:200]}.") from None


def proposed_file(answer: str) -> str:
    """The file in a model's answer: its one block of Python. Raises ToolError."""
    blocks = re.findall(r"^```(?:python|py)?[ \t]*\n(.*?)^```", answer, re.DOTALL | re.MULTILINE)
    if len(blocks) != 1:
        raise ToolError(
            f"Found {len(blocks)} blocks of code. Answer with the corrected file, whole, in one "
            "block that begins with ```python and ends with ```."
        )
    return str(blocks[0])


def proposed_edits(answer: str, path: str) -> list[Edit]:
    """The edits of the file at `path` in a model's answer. Raises ToolError."""
    edits = re.findall(
        r"^<<<<<<< SEARCH\n(.*?)\n=======\n(.*?)\n?^>>>>>>> REPLACE",
        answer,
        re.DOTALL | re.MULTILINE,
    )
    if not edits:
        raise ToolError(
            "Found no edit. Each begins with a line <<<<<<< SEARCH, has a line ======= between the "
            "old text and the new, and ends with a line >>>>>>> REPLACE."
        )
    return [Edit(path=path, old=old, new=new) for old, new in edits]


def _without_titles(schema: Any) -> Any:
    """Pydantic's schema less the titles it makes up from the names, which cost tokens."""
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if key != "title"}
        return {key: _without_titles(value) for key, value in kept.items()}
    if isinstance(schema, list):
        return [_without_titles(value) for value in schema]
    return schema


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
