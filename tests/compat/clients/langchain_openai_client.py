"""langchain-openai's ChatOpenAI: invoke, stream, tools, structured output, on both APIs."""

import asyncio
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def model(**options: object) -> ChatOpenAI:
    return ChatOpenAI(model="fast", base_url=sys.argv[1], api_key="any", max_retries=0, **options)


def tool_loop(chat: ChatOpenAI) -> None:
    bound = chat.bind_tools([weather])
    asked = HumanMessage("How is the weather in Oslo?")
    answer = bound.invoke([asked])
    [call] = answer.tool_calls
    assert call["name"] == "weather"
    assert call["args"].keys() == {"city"}
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert bound.invoke([asked, answer, result]).text

    streamed = None
    for chunk in bound.stream([asked]):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed.tool_calls[0]["args"].keys() == {"city"}


async def asynchronously() -> None:
    for use_responses_api in (False, True):
        chat = model(use_responses_api=use_responses_api)
        assert (await chat.ainvoke("Hello")).text
        assert "".join([chunk.text async for chunk in chat.astream("Hello")])


for use_responses_api in (False, True):
    chat = model(use_responses_api=use_responses_api, stream_usage=True)
    answer = chat.invoke("Hello")
    assert answer.text
    assert answer.usage_metadata["output_tokens"] > 0
    chunks = list(chat.stream("Hello"))
    assert "".join(chunk.text for chunk in chunks)
    assert sum(c.usage_metadata["output_tokens"] for c in chunks if c.usage_metadata) > 0
    tool_loop(chat)
    for method in ("json_schema", "function_calling"):
        person = chat.with_structured_output(Person, method=method).invoke("Invent one.")
        assert isinstance(person, Person), (use_responses_api, method, person)
thinking = model(use_responses_api=True, reasoning={"effort": "low", "summary": "auto"})
assert thinking.bind(extra_body={"mock": {"reasoning_tokens": 5}}).invoke("Hello").text
follow_up = model(use_previous_response_id=True, use_responses_api=True)
first = follow_up.invoke("Hello")
assert follow_up.invoke([HumanMessage("Hello"), first, HumanMessage("And?")]).text
asyncio.run(asynchronously())
