"""mini-swe-agent: a bash tool that is called until its output says that the task is done."""

import os
import sys
import tempfile

os.environ |= {
    "MSWEA_SILENT_STARTUP": "1",
    "MSWEA_GLOBAL_CONFIG_DIR": tempfile.mkdtemp(),
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}

from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel

# The first call leaves a note, the second finds it and so ends the agent.
command = "cat note 2>&- || printf 'COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\\ndone' > note"
call = {"name": "bash", "arguments": {"command": command}}


def agent_that_is_told(mock: dict[str, object]) -> DefaultAgent:
    model = LitellmModel(
        model_name="openai/fast",
        model_kwargs={"api_base": sys.argv[1], "api_key": "any", "extra_body": {"mock": mock}},
        cost_tracking="ignore_errors",
    )
    environment = LocalEnvironment(cwd=tempfile.mkdtemp())
    return DefaultAgent(
        model,
        environment,
        system_template="You are a programmer.",
        instance_template="{{task}}",
        step_limit=5,
    )


agent = agent_that_is_told({"tool_calls": [call]})
assert agent.run("Mend it.") == {"exit_status": "Submitted", "submission": "done"}
assert agent.n_calls == 2

# Words alone are no step for it: it asks again, and gives up.
agent = agent_that_is_told({"content": "I am done."})
assert agent.run("Mend it.")["exit_status"] == "RepeatedFormatError"
assert agent.n_calls == 3
