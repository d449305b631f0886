"""A coding agent to take apart: given a failing test, it repairs the code.

Read it in this order, about fifteen minutes:

    agent.py           the loop: nine steps, and back when the fix is not accepted
    steps.py           what a model is asked at each step, and the essay's table from a run
    essay.py           the case study as data
    asking.py          one question: the prompt, the request, the check of the answer, asking again
    tools.py           what the model may do, and the steps that code can take in its place
    workspace.py       the only files it can touch
    pytest_run.py      the tests, in a jail or under the guard of guarded_pytest.py
    settings.py        the switches that make it faster, its limits, and how a run ended
    scenario.py        tasks to give it, with scripts for a mock that plays the model

The tests run what a model wrote. Where bubblewrap works that is in a jail; elsewhere a guard
stops accidents, not somebody who sets out to escape: docs/security.md names what passes it.

    trace = play(connect(), "one_shot")
    trace.result.solved, trace.duration_s, case_study_table(trace)
"""

from labtools.coding_agent.agent import CodingAgent
from labtools.coding_agent.scenario import Scenario, load_scenario, play, scenario_names
from labtools.coding_agent.settings import Limits, Outcome, Switches
from labtools.coding_agent.steps import case_study_rows, case_study_table

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
