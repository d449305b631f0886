"""Scenarios: a folder each, with a broken repository and what a model says about it.

    scenarios/NAME/scenario.toml   the title, the story, and the script of the model's answers
                   repository/     the code with its fault, and tests/ with a test that fails
                   hidden/         more tests, which the agent is not shown: is it really right?

An answer in the script belongs to a step, from an iteration on, and if it says so to certain
models only. It is a text or a tool call. Its length in tokens is the essay's for that step,
however long the text: the mock spreads it over that many.
`play` plays one from beginning to end: the failing test, the agent, and the hidden check.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from labtools.coding_agent import steps
from labtools.coding_agent.agent import CodingAgent
from labtools.coding_agent.asking import Asking, Script
from labtools.coding_agent.pytest_run import Tested, TestReport, run_tests
from labtools.coding_agent.settings import Limits, Switches
from labtools.coding_agent.workspace import Workspace
from labtools.errors import ConfigurationError, one_of
from labtools.files import values_in
from labtools.lab.trace import Trace
from labtools.model.profile import Prices
from labtools.read_back import read_back

if TYPE_CHECKING:
    from labtools.lab.lab import Lab


FOLDER = Path(__file__).with_name("scenarios")

# The answer to apply_patch, as text: with edits, the fix is what else the patch would be.
_EDIT = "<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"
_OUTPUT_TOKENS = {step.name: step.row.output_tokens for step in steps.STEPS}


class Answer(BaseModel):
    """What the model says at a step."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    step: str
    iteration: int = Field(default=1, ge=1)
    """From this iteration on, until a later answer takes over."""
    models: tuple[str, ...] | None = Field(default=None, strict=False)
    """Only when one of these is asked; None for any."""
    text: str | None = None
    call: str | None = None
    arguments: dict[str, Any] = {}
    output_tokens: int | None = None
    """None for the essay's number."""

    @model_validator(mode="after")
    def _is_one_answer(self) -> Answer:
        if self.step not in _OUTPUT_TOKENS:
            raise ValueError(f"unknown step {self.step!r}; known: {', '.join(_OUTPUT_TOKENS)}")
        if (self.text is None) == (self.call is None):
            raise ValueError(f"the answer to {self.step} needs either a text or a call")
        return self

    @property
    def tokens(self) -> int:
        return self.output_tokens or _OUTPUT_TOKENS[self.step]


class Scenario(BaseModel):
    """One task for the agent, with a script for a mock that plays the model."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    folder: Path
    title: str
    story: str
    test_s: float
    """What a test run is charged on the simulated clock; the essay's 3 s."""
    answers: list[Answer] = Field(alias="answer")

    @property
    def name(self) -> str:
        return self.folder.name

    def workspace(self) -> Workspace:
        """A fresh copy of the broken repository."""
        return Workspace(self.folder / "repository")

    def script(self, asking: Asking) -> dict[str, Any]:
        """The request's `mock` object for one call."""
        texts, calls, tokens = [], [], 0
        for step in steps.TOGETHER.get(asking.step, (asking.step,)):
            as_edit = step == steps.GENERATE_FIX.name and asking.switches.edits
            answer = self._answer(asking, steps.APPLY_PATCH.name if as_edit else step)
            limit = asking.switches.plan_tokens if step == steps.PLAN.name else None
            tokens += min(answer.tokens, limit or answer.tokens)
            if answer.text is not None:
                texts.append(answer.text.strip())
            elif as_edit:
                texts.append(_EDIT.format(**_call(answer)["arguments"]))
            else:
                calls.append(_call(answer))
        said = {"tool_calls": calls} if calls else {"content": "\n\n".join(texts)}
        return {**said, "output_tokens": tokens}

    def hidden_check(self, workspace: Workspace, tested: Tested | None = None) -> TestReport:
        """Whether the code is right by the hidden tests as well. Leaves the workspace alone."""
        with workspace.copy() as copy:
            shutil.copytree(self.folder / "hidden", copy.root / "tests", dirs_exist_ok=True)
            return run_tests(copy, tested=tested)

    def _answer(self, asking: Asking, step: str) -> Answer:
        fitting = [
            answer
            for answer in self.answers
            if answer.step == step
            and answer.iteration <= asking.iteration
            and (answer.models is None or asking.model in answer.models)
        ]
        if not fitting:
            raise ConfigurationError(
                f"The scenario {self.name!r} has no answer for {step} in iteration "
                f"{asking.iteration} by {asking.model}. Add one to its scenario.toml."
            )
        # The latest iteration; of several, the one for this very model.
        return max(fitting, key=lambda answer: (answer.iteration, answer.models is not None))


def scenario_names() -> tuple[str, ...]:
    """The scenarios that come with the package."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/scenario.toml")))


def load_scenario(name: str | Path) -> Scenario:
    """A scenario by its name, or by the path of its folder. Raises ConfigurationError."""
    folder = name if isinstance(name, Path) else FOLDER / name
    if not isinstance(name, Path) and name not in scenario_names():
        raise one_of("scenario", name, scenario_names())
    path = folder / "scenario.toml"
    return read_back(Scenario, {"folder": folder, **values_in(path)}, str(path))


def _call(answer: Answer) -> dict[str, Any]:
    arguments = {
        name: value.strip("\n") if isinstance(value, str) else value
        for name, value in answer.arguments.items()
    }
    return {"name": answer.call, "arguments": arguments}


def play(
    lab: Lab,
    scenario: str | Scenario,
    *,
    switches: Switches | None = None,
    limits: Limits | None = None,
    script: Script | None = None,
    prices: Mapping[str, Prices] | None = None,
    tested: Tested | None = None,
) -> Trace:
    """Let the agent repair a scenario's repository. The trace's `result` is the Outcome.

    A mock plays the model by the scenario's script, or by `script`; a real endpoint answers for
    itself. The failing run before and the hidden check after are not part of the trace.

    Pass the same `tested`, a dict, to several plays, and pytest runs once for the same files. Only
    the simulated clock allows that: it charges a test run the same seconds either way.
    """
    scenario = load_scenario(scenario) if isinstance(scenario, str) else scenario
    if script is None and lab.on_mock:
        script = scenario.script
    tested = tested if lab.clock == "simulated" else None
    with scenario.workspace() as workspace:
        failing = run_tests(workspace, tested=tested)
        if failing.passed:
            raise ConfigurationError(
                f"The tests of {scenario.name!r} pass as they are: there is nothing to repair."
            )
        agent = CodingAgent(
            lab,
            workspace,
            failing.output,
            switches=switches or Switches(),
            limits=limits or Limits(),
            script=script,
            test_s=scenario.test_s,
            prices=prices,
            tested=tested,
        )
        trace = lab.run(agent.run())
        solved = scenario.hidden_check(workspace, tested).passed
    return replace(trace, result=replace(trace.result, solved=solved))
