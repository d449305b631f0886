"""A traceback as Jupyter shows it: each frame with the lines around it and an arrow."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator
from types import FrameType

WIDTH = 75
AROUND = 2
CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"


def as_jupyter_shows(error: BaseException) -> str:
    """The error with what led to it, from the cell on."""
    before = ""
    if error.__cause__ is not None:
        before = f"{as_jupyter_shows(error.__cause__)}\n\n{CAUSE}\n\n"
    elif error.__context__ is not None and not error.__suppress_context__:
        before = f"{as_jupyter_shows(error.__context__)}\n\n{CONTEXT}\n\n"
    name, words = type(error).__name__, "Traceback (most recent call last)"
    head = f"{'-' * WIDTH}\n{name}{words:>{max(WIDTH - len(name), len(words) + 1)}}\n"
    end = "".join(traceback.format_exception_only(error)).rstrip("\n")
    frames = [] if isinstance(error, SyntaxError) else list(_frames(error))
    return before + (head if frames else "") + "\n".join([*frames, _cell_unquoted(end)])


def _frames(error: BaseException) -> Iterator[str]:
    in_cell = False
    for frame, line in traceback.walk_tb(error.__traceback__):
        in_cell = in_cell or _is_cell(frame.f_code.co_filename)
        if in_cell:  # what comes before is the kernel's own
            yield _told(frame, line)


def _told(frame: FrameType, line: int) -> str:
    file, function = frame.f_code.co_filename, frame.f_code.co_qualname
    where = f"{file}, line {line}" if _is_cell(file) else f"File {_short(file)}:{line}"
    where += "" if function == "<module>" else f", in {function}"
    source = linecache.getlines(file, frame.f_globals)
    numbers = range(max(1, line - AROUND), min(len(source), line + AROUND) + 1)
    shown = [f"{_arrow(n) if n == line else f'{n:>7}'} {source[n - 1]}".rstrip() for n in numbers]
    return "\n".join([where, *shown, ""])


def _arrow(number: int) -> str:
    return f"> {number}".rjust(7, "-")


def _is_cell(file: str) -> bool:
    return file.startswith("Cell In[")


def _short(file: str) -> str:
    return file.rpartition("/site-packages/")[2]


def _cell_unquoted(end: str) -> str:
    """A syntax error names its place in quotes."""
    return end.replace('File "Cell In[', "Cell In[").replace(']", line', "], line")
