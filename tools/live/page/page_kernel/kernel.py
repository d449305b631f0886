"""A lab's kernel in a page: it runs a cell as a notebook would, and says what the cell shows."""

from __future__ import annotations

import ast
import base64
import builtins
import inspect
import io
import json
import linecache
import sys
import time
import warnings
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from page_kernel.tracebacks import as_jupyter_shows

WRITTEN_EVERY_S = 0.1
METHODS = {
    "text/html": "_repr_html_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
}


class Kernel:
    """The names of one lab. `show` takes each output, in nbformat's words, as JSON."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self.main = ModuleType("__main__")
        self._show = show
        self._count = 0
        self._streams = [_Stream("stdout", self.put), _Stream("stderr", self.put)]

    def take_over(self) -> None:
        """Be what Python in this process talks to, as in Jupyter."""
        sys.modules["__main__"] = self.main
        sys.stdout, sys.stderr = self._streams
        builtins.display = self.display  # type: ignore[attr-defined]
        # pandas makes its plain tables as wide as a notebook's where it finds Jupyter's shell.
        builtins.get_ipython = lambda: ZMQInteractiveShell()  # type: ignore[attr-defined]
        warnings.filterwarnings("ignore", "Unable to import Axes3D")  # no lab draws in space

    async def run(self, code: str) -> bool:
        """Run a cell; whether it ended without an error."""
        self._count += 1
        name = f"Cell In[{self._count}]"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        try:
            value = None
            for part in _parts(code, name):
                value = eval(part, self.main.__dict__)
                if part.co_flags & inspect.CO_COROUTINE:
                    value = await value
            if value is not None:
                self.main.__dict__["_"] = value
                self.put({"output_type": "execute_result", "data": bundle(value), "metadata": {}})
        except BaseException as error:
            told = {"ename": type(error).__name__, "evalue": str(error)}
            self.put({"output_type": "error", **told, "traceback": [as_jupyter_shows(error)]})
            return False
        finally:
            for stream in self._streams:
                stream.flush()
        return True

    def display(self, *values: Any, **_: Any) -> None:
        """Show values as a cell shows its last one."""
        for value in values:
            self.put({"output_type": "display_data", "data": bundle(value), "metadata": {}})

    def put(self, output: dict[str, Any]) -> None:
        """Show this after what was printed before."""
        if output["output_type"] != "stream":
            for stream in self._streams:
                stream.flush()
        self._show(json.dumps(output))


class ZMQInteractiveShell:
    """What `get_ipython()` gives: what pandas knows Jupyter by, and nothing else."""

    kernel = None


class _Stream(io.TextIOBase):
    """Standard output or error: what is written goes out ten times a second, and at the end."""

    def __init__(self, name: str, put: Callable[[dict[str, Any]], None]) -> None:
        self._stream, self._put = name, put
        self._text = ""
        self._put_at = 0.0

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream == "stderr"  # where a progress line is rewritten in place

    def write(self, text: str) -> int:
        self._text += text
        if time.monotonic() > self._put_at + WRITTEN_EVERY_S:
            self.flush()
        return len(text)

    def flush(self) -> None:
        text, self._text = self._text, ""
        self._put_at = time.monotonic()
        if text:
            self._put({"output_type": "stream", "name": self._stream, "text": text})


def _parts(code: str, name: str) -> list[CodeType]:
    """The cell's statements, and its last expression alone unless a semicolon silences it."""
    tree = ast.parse(code, name)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or code.rstrip().endswith(";"):
        return [compile(tree, name, "exec", flags)]
    tree.body.pop()
    return [
        compile(tree, name, "exec", flags),
        compile(ast.Expression(last.value), name, "eval", flags),
    ]


def bundle(value: Any) -> dict[str, Any]:
    """What Jupyter shows of a value, by MIME type."""
    data: dict[str, Any] = {"text/plain": repr(value)}
    if isinstance(value, type):
        return data
    if hasattr(value, "_repr_mimebundle_"):
        return {**data, **value._repr_mimebundle_()}
    for kind, method in METHODS.items():
        made = getattr(value, method, lambda: None)()
        if made is not None:
            data[kind] = base64.b64encode(made).decode() if isinstance(made, bytes) else made
    return data
