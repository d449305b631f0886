"""pydantic-ai with its own instrumentation: a run with a tool."""

import sys

from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from spans import say, to_file

Agent.instrument_all(InstrumentationSettings(tracer_provider=to_file(sys.argv[2])))
called: list[str] = []


def weather(city: str) -> str:
    """The weather in a city."""
    called.append(city)
    return f"sunny in {city}"


model = OpenAIChatModel("fast", provider=OpenAIProvider(base_url=sys.argv[1], api_key="any"))
usage = Agent(model, tools=[weather]).run_sync("Weather in Oslo?").usage
say(usage.requests, len(called), usage.input_tokens, usage.output_tokens)
