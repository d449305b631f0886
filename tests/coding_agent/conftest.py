"""Runs that many tests look at, made once; and a model that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from labtools import Lab, Trace, connect
from labtools.coding_agent import load_scenario, play, scenario_names
from labtools.coding_agent.asking import Asking, Script
from labtools.coding_agent.pytest_run import PytestRun, TestReport
from labtools.coding_agent.workspace import Workspace

Repository = Callable[[Mapping[str, str]], Path]


@pytest.fixture(scope="session")
def played() -> Callable[[str], Trace]:
    """A scenario on `fast`, simulated, all switches off."""
    runs: dict[str, Trace] = {}

    def run(name: str) -> Trace:
        if name not in runs:
            with connect("sim") as lab:
                runs[name] = play(lab, name)
        return runs[name]

    return run


@pytest.fixture(params=scenario_names())
def scenario_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with connect("sim") as lab:
        yield lab


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Makes a folder from path and text."""

    def make(files: Mapping[str, str]) -> Path:
        folder = tmp_path / "repository"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    return make


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """The repository of the first scenario."""
    with load_scenario("one_shot").workspace() as workspace:
        yield workspace


@pytest.fixture(scope="session")
def test_runs() -> dict[Any, TestReport]:
    return {}


@pytest.fixture
def remembered_test_runs(test_runs: dict[Any, TestReport], monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of times and of the loop: the same files are really tested once a session."""
    really = PytestRun.run

    def run(self: PytestRun) -> TestReport:
        files = tuple(self.workspace.texts().items())
        if files not in test_runs:
            test_runs[files] = really(self)
        return test_runs[files]

    monkeypatch.setattr(PytestRun, "run", run)


def says(overrides: Mapping[str, Any], scenario: str = "one_shot") -> Script:
    """The scenario's model, except at some steps: there it says this, or each of these in turn.

    The last of several is said again and again.
    """
    script = load_scenario(scenario).script

    def answer(asking: Asking) -> dict[str, Any]:
        if asking.step not in overrides:
            return script(asking)
        said = overrides[asking.step]
        answers = said if isinstance(said, list) else [said]
        chosen = answers[min(asking.attempt, len(answers)) - 1]
        return script(asking) if chosen == "as scripted" else dict(chosen)

    return answer


def call(name: str, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """The `mock` object of one tool call."""
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


@pytest.fixture(name="says")
def _says() -> Callable[..., Script]:
    return says


@pytest.fixture(name="call")
def _call() -> Callable[..., dict[str, Any]]:
    return call
