"""A coding agent to take apart: given a failing test, it repairs the code.

Read it in this order, about fifteen minutes:

    agent.py           the loop: nine steps, and back when the fix is not accepted
    steps.py           what a model is asked at each step
    asking.py          one question: the request, the check of the answer, asking again
    tools.py           what the model may do, and how its calls are checked
    workspace.py       the only files it can touch
    pytest_run.py      the tests, in a process of their own, which guarded_pytest.py limits
    jail.py            the namespaces around that process, where bubblewrap can make them
    harness.py         the steps that code can take, so that no model is asked
    context.py         the prompts, laid out for a prefix cache or not
    settings.py        the switches that make it faster, and its limits
    outcome.py         how a run ended
    scenario.py        tasks to give it, with scripts for a mock that plays the model
    play.py            a scenario from beginning to end
    case_study.py      the essay's table, from a run

The tests run what a model wrote. Where bubblewrap works that is in a jail; elsewhere a guard
stops accidents, not somebody who sets out to escape: docs/security.md names what passes it.

    trace = play(connect(), "one_shot")
    trace.result.solved, trace.duration_s, case_study_table(trace)
"""

from labtools.coding_agent.agent import CodingAgent
from labtools.coding_agent.case_study import case_study_rows, case_study_table
from labtools.coding_agent.outcome import Outcome
from labtools.coding_agent.play import play
from labtools.coding_agent.scenario import Scenario, load_scenario, scenario_names
from labtools.coding_agent.settings import Limits, Switches

__all__ = [
    "CodingAgent",
    "Limits",
    "Outcome",
    "Scenario",
    "Switches",
    "case_study_rows",
    "case_study_table",
    "load_scenario",
    "play",
    "scenario_names",
]
