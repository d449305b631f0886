"""inspect_ai: evaluations with a tool, agents that end in words and by `submit`, `mock`."""

import sys
import tempfile

from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.agent import AgentSubmit, react
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import Tool, tool

called: list[str] = []


@tool
def weather() -> Tool:
    async def execute(city: str) -> str:
        """The weather in a city.

        Args:
            city: Its name.
        """
        called.append(city)
        return f"sunny in {city}"

    return execute


def evaluated(solver: object, mock: dict[str, object] | None = None) -> EvalLog:
    called.clear()
    config = GenerateConfig(extra_body={"mock": mock} if mock else None)
    model = get_model("openai-api/mock/fast", base_url=sys.argv[1], api_key="any", config=config)
    samples = [Sample(input="What is the weather in Oslo?", target="sunny")]
    task = Task(dataset=samples, solver=solver, scorer=includes(), message_limit=10)
    (log,) = evaluate(task, model=model, display="none", log_dir=tempfile.mkdtemp())
    assert log.status == "success", log.error
    assert log.samples[0].limit is None, log.samples[0].limit
    assert log.samples[0].output.completion
    return log


for solver in [use_tools(weather()), generate()], react(tools=[weather()], submit=False):
    evaluated(solver)
    assert len(called) == 1

# An agent ends by `submit` where that is its only tool: after another, the mock answers in words.
submitted = evaluated(react(submit=AgentSubmit(keep_in_messages=True))).samples[0].messages
assert any(message.role == "tool" and message.function == "submit" for message in submitted)

exact = evaluated(generate(), {"output_tokens": 7})
assert exact.stats.model_usage["openai-api/mock/fast"].output_tokens == 7
told = evaluated(generate(), {"content": "sunny"})
assert told.results.scores[0].metrics["accuracy"].value == 1
