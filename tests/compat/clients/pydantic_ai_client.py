"""pydantic-ai: agents with a tool and a typed output, on both APIs, streamed and not."""

import asyncio
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


class Person(BaseModel):
    name: str
    age: int


called: list[str] = []


def weather(city: str) -> str:
    """The weather in a city."""
    called.append(city)
    return f"sunny in {city}"


provider = OpenAIProvider(base_url=sys.argv[1], api_key="any")
for kind in (OpenAIChatModel, OpenAIResponsesModel):
    model = kind("fast", provider=provider)
    assert Agent(model).run_sync("Hello").output

    called.clear()
    result = Agent(model, tools=[weather], instructions="Be brief.").run_sync("Weather in Oslo?")
    assert len(called) == 1
    assert result.output
    assert result.usage.output_tokens > 0
    more = Agent(model, tools=[weather]).run_sync(
        "And in Bergen?", message_history=result.all_messages()
    )
    assert more.output

    for output in (Person, NativeOutput(Person)):
        person = Agent(model, output_type=output).run_sync("Invent one.").output
        assert isinstance(person, Person), (kind, output)

    async def streamed(model: object = model) -> str:
        async with Agent(model).run_stream("Hello") as stream:
            return "".join([text async for text in stream.stream_text(delta=True)])

    assert asyncio.run(streamed())

    thinking = Agent(model, model_settings={"extra_body": {"mock": {"reasoning_tokens": 5}}})
    assert thinking.run_sync("Hello").output
