"""openai-agents: a tool, a typed output, a handoff, on both APIs, streamed and not."""

import asyncio
import sys

import openai
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from pydantic import BaseModel

set_tracing_disabled(True)
called: list[str] = []


class Person(BaseModel):
    name: str
    age: int


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    called.append(city)
    return f"sunny in {city}"


async def main() -> None:
    client = openai.AsyncOpenAI(base_url=sys.argv[1], api_key="any", max_retries=0)
    for kind in (OpenAIResponsesModel, OpenAIChatCompletionsModel):
        model = kind(model="fast", openai_client=client)
        plain = Agent(name="plain", instructions="Be brief.", model=model)
        assert (await Runner.run(plain, "Hello")).final_output

        called.clear()
        agent = Agent(name="forecaster", model=model, tools=[weather])
        result = await Runner.run(agent, "Weather in Oslo?")
        assert len(called) == 1
        assert result.final_output
        assert (
            await Runner.run(
                agent, [*result.to_input_list(), {"role": "user", "content": "And in Bergen?"}]
            )
        ).final_output

        streamed = Runner.run_streamed(agent, "Weather in Oslo?")
        kinds = {event.type async for event in streamed.stream_events()}
        assert kinds >= {"raw_response_event", "run_item_stream_event"}
        assert streamed.final_output

        typed = Agent(name="inventor", model=model, output_type=Person)
        assert isinstance((await Runner.run(typed, "Invent one.")).final_output, Person)

        triage = Agent(name="triage", model=model, handoffs=[plain])
        handed_over = await Runner.run(triage, "Hello")
        assert handed_over.last_agent is plain

        thinking = plain.clone(
            model_settings=ModelSettings(extra_body={"mock": {"reasoning_tokens": 5}})
        )
        assert (await Runner.run(thinking, "Hello")).final_output

    model = OpenAIResponsesModel(model="fast", openai_client=client)
    agent = Agent(name="plain", model=model, tools=[weather])
    first = await Runner.run(agent, "Hello", auto_previous_response_id=True)
    second = await Runner.run(agent, "And?", previous_response_id=first.last_response_id)
    assert second.final_output


asyncio.run(main())
