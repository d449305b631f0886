"""A scenario played from beginning to end: the failing test, the agent, and the hidden check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from labtools.coding_agent.agent import CodingAgent
from labtools.coding_agent.asking import Script
from labtools.coding_agent.pytest_run import run_tests
from labtools.coding_agent.scenario import Scenario, load_scenario
from labtools.coding_agent.settings import Limits, Switches
from labtools.errors import ConfigurationError
from labtools.latency_model import Prices
from labtools.timing.trace import Trace

if TYPE_CHECKING:
    from labtools.lab import Lab


def play(
    lab: Lab,
    scenario: str | Scenario,
    *,
    switches: Switches | None = None,
    limits: Limits | None = None,
    script: Script | None = None,
    prices: Mapping[str, Prices] | None = None,
) -> Trace:
    """Let the agent repair a scenario's repository. The trace's `result` is the Outcome.

    A mock plays the model by the scenario's script, or by `script`; a real endpoint answers for
    itself. The failing run before and the hidden check after are not part of the trace.
    """
    scenario = load_scenario(scenario) if isinstance(scenario, str) else scenario
    if script is None and lab.mode != "url":
        script = scenario.script
    with scenario.workspace() as workspace:
        failing = run_tests(workspace)
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
        )
        trace = lab.run(agent.run())
        solved = scenario.hidden_check(workspace).passed
    return replace(trace, result=replace(trace.result, solved=solved))
