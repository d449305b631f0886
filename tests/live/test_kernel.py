"""What a cell shows in a page: the kernel is plain Python, and runs here as it does there."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "tools" / "live" / "page"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """From the source of cells, run one after another, to all that they showed."""
    monkeypatch.syspath_prepend(str(PAGE))
    from page_kernel.kernel import Kernel

    outputs: list[dict[str, Any]] = []
    kernel = Kernel(lambda output: outputs.append(json.loads(output)))
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    for name in ("display", "get_ipython"):
        monkeypatch.setattr(f"builtins.{name}", None, raising=False)

    async def all_of(*cells: str) -> None:
        for cell in cells:
            await kernel.run(cell)

    def run(*cells: str) -> list[dict[str, Any]]:
        outputs.clear()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", sys.stdout)
            patch.setattr(sys, "stderr", sys.stderr)
            kernel.take_over()
            asyncio.run(all_of(*cells))
        return outputs

    yield run
    for name in [name for name in sys.modules if name.startswith("page_kernel")]:
        del sys.modules[name]


def text(outputs: list[dict[str, Any]]) -> list[str]:
    """The text of each; a stream comes in pieces."""
    told: list[tuple[str, str]] = []
    for output in outputs:
        name, said = output.get("name", ""), output.get("text")
        if said and told and told[-1][0] == name:
            told[-1] = (name, told[-1][1] + said)
        else:
            told.append((name, said or output["data"]["text/plain"]))
    return [said for _, said in told]


def test_a_cell_shows_what_it_prints_and_its_last_value(shown: Any) -> None:
    assert text(shown("print('a')\nprint('b')\n1 + 1")) == ["a\nb\n", "2"]


def test_a_semicolon_silences_the_last_value_and_none_is_not_shown(shown: Any) -> None:
    assert shown("1 + 1;", "None", "x = 3", "# nothing", "") == []


def test_names_go_from_cell_to_cell_and_cells_may_await(shown: Any) -> None:
    cells = (
        "import asyncio\nx = 2",
        "await asyncio.sleep(0, x + 1)",
        "y = await asyncio.sleep(0, 5)\ny",
    )
    assert text(shown(*cells)) == ["3", "5"]


def test_display_comes_where_it_stands(shown: Any) -> None:
    assert text(shown("print(1)\ndisplay(2, 'three')\nprint(4)")) == ["1\n", "2", "'three'", "4\n"]


def test_a_value_is_shown_in_each_of_its_kinds(shown: Any) -> None:
    two = "def _repr_html_(self): return '<b>t</b>'\n    def __repr__(self): return 'T'"
    (output,) = shown(f"class T:\n    {two}\nT()")
    assert output["data"] == {"text/plain": "T", "text/html": "<b>t</b>"}
    (output,) = shown("T")
    assert list(output["data"]) == ["text/plain"]


def test_code_of_a_cell_can_be_read_and_its_classes_have_a_module(shown: Any) -> None:
    cell = "import inspect, sys\ndef f():\n    return 1\n"
    cell += "inspect.getsource(f), sys.modules[f.__module__].f()"
    assert text(shown(cell)) == [repr(("def f():\n    return 1\n", 1))]


def test_an_error_is_shown_as_jupyter_shows_it(shown: Any) -> None:
    (output,) = shown("def f():\n    return 1 / 0\n\n\nx = 1\nf()")
    assert (output["ename"], output["evalue"]) == ("ZeroDivisionError", "division by zero")
    head = "ZeroDivisionError                         Traceback (most recent call last)"
    assert "".join(output["traceback"]).splitlines() == [
        "-" * 75,
        head,
        "Cell In[1], line 6",
        "      4",
        "      5 x = 1",
        "----> 6 f()",
        "",
        "Cell In[1], line 2, in f",
        "      1 def f():",
        "----> 2     return 1 / 0",
        "      3",
        "      4",
        "",
        "ZeroDivisionError: division by zero",
    ]


def test_what_led_to_an_error_is_shown_before_it(shown: Any) -> None:
    (output,) = shown(
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no a') from e"
    )
    told = output["traceback"][0]
    cause, _, error = told.partition("\n\nThe above exception was the direct cause")
    assert cause.endswith("KeyError: 'a'")
    assert error.endswith("ValueError: no a")
    (output,) = shown("try:\n    {}['a']\nexcept KeyError:\n    int('b')")
    assert "During handling of the above exception" in output["traceback"][0]


def test_a_syntax_error_shows_its_place_and_no_frames(shown: Any) -> None:
    (output,) = shown("x = 1\ny = = 2")
    assert output["traceback"][0].splitlines() == [
        "  Cell In[1], line 2",
        "    y = = 2",
        "        ^",
        "SyntaxError: invalid syntax",
    ]


def test_after_an_error_the_next_cell_runs(shown: Any) -> None:
    assert [output["output_type"] for output in shown("1 / 0", "2")] == ["error", "execute_result"]


def test_what_was_printed_before_an_error_is_shown_before_it(shown: Any) -> None:
    outputs = shown("print('so far', end='')\nraise SystemExit(3)")
    assert [output["output_type"] for output in outputs] == ["stream", "error"]
