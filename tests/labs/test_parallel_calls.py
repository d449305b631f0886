"""The LangGraph cells of the lab on parallel calls: measured, and where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from lab_runner import _run, cells

LAB = Path(__file__).parents[2] / "labs" / "parallel_calls.ipynb"


def run_until_the_chains() -> dict[str, Any]:
    """The lab's cells up to the last that deals with graphs."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells(LAB):
        if cell.cell_type == "code":
            _run(cell.source, namespace)
            if "two_chains" in cell.source:
                return namespace
    raise AssertionError("The lab has no cell with two_chains.")


def test_branches_of_a_graph_overlap_and_its_steps_are_barriers():
    pytest.importorskip("langgraph", reason="the optional extra langgraph is not installed")
    found = run_until_the_chains()
    assert found["by_graph"].duration_s == 0.8
    assert found["barrier"].duration_s == 2.6
    assert len(found["barrier"].calls) == 4


def test_without_langgraph_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "langgraph", None)
    monkeypatch.setitem(sys.modules, "langgraph.graph", None)
    found = run_until_the_chains()
    said = [line for line in capsys.readouterr().out.splitlines() if "LangGraph" in line]
    assert len(said) == 1
    assert 'pip install -e ".[langgraph]"' in said[0]
    assert "by_graph" not in found
