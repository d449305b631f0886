"""openai-agents with OpenInference's instrumentation: a run with a tool."""

import sys

import openai
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_trace_processors
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from spans import say, to_file

set_trace_processors([])  # its own go to a server of its maker
OpenAIAgentsInstrumentor().instrument(tracer_provider=to_file(sys.argv[2]))
called: list[str] = []


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    called.append(city)
    return f"sunny in {city}"


client = openai.AsyncOpenAI(base_url=sys.argv[1], api_key="any", max_retries=0)
model = OpenAIChatCompletionsModel(model="fast", openai_client=client)
agent = Agent(name="forecaster", model=model, tools=[weather])
usage = Runner.run_sync(agent, "Weather in Oslo?").context_wrapper.usage
say(usage.requests, len(called), usage.input_tokens, usage.output_tokens)
