"""A scenario played from beginning to end: the failing test, the agent, and the hidden check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from labtools.coding_agent.agent import CodingAgent
from labtools.coding_agent.asking import Script
from labtools.coding_agent.pytest_run import Tested, run_tests
from labtools.coding_agent.scenario import Scenario, load_scenario
from labtools.coding_agent.settings import Limits, Switches
from labtools.errors import ConfigurationError
from labtools.lab.trace import Trace
from labtools.model.profile import Prices

if TYPE_CHECKING:
    from labtools.lab.lab import Lab


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
            switches=switches,
            limits=limits,
            script=script,
            test_s=scenario.test_s,
            prices=prices,
            tested=tested,
        )
        trace = lab.run(agent.run())
        solved = scenario.hidden_check(workspace, tested).passed
    return replace(trace, result=replace(trace.result, solved=solved))
