"""The openai package: Chat Completions and Responses, sync and async, streamed and not."""

import asyncio
import json
import sys

import openai
from pydantic import BaseModel

CLIENT = {"base_url": sys.argv[1], "api_key": "any", "max_retries": 0}
QUESTION = [{"role": "user", "content": "How is the weather in Oslo?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": PARAMETERS, "strict": True},
}
TOOL = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": True}


class Person(BaseModel):
    name: str
    age: int


def chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="fast", messages=QUESTION)
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens > 0

    text = ""
    with client.chat.completions.stream(model="fast", messages=QUESTION) as stream:
        for event in stream:
            text += event.delta if event.type == "content.delta" else ""
        assert text == stream.get_final_completion().choices[0].message.content != ""

    asked = client.chat.completions.create(model="fast", messages=QUESTION, tools=[CHAT_TOOL])
    call = asked.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments).keys() == {"city"}
    told = [
        *QUESTION,
        asked.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    answer = client.chat.completions.create(model="fast", messages=told, tools=[CHAT_TOOL])
    assert answer.choices[0].finish_reason == "stop"

    parsed = client.chat.completions.parse(model="fast", messages=QUESTION, response_format=Person)
    assert isinstance(parsed.choices[0].message.parsed, Person)


def responses(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="fast", input="Hello", instructions="Be brief.")
    assert answer.output_text
    assert answer.usage.total_tokens > 0

    text = ""
    with client.responses.stream(model="fast", input="Hello") as stream:
        for event in stream:
            text += event.delta if event.type == "response.output_text.delta" else ""
        assert text == stream.get_final_response().output_text != ""

    asked = client.responses.create(model="fast", input="Weather in Oslo?", tools=[TOOL])
    [call] = [item for item in asked.output if item.type == "function_call"]
    assert json.loads(call.arguments).keys() == {"city"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    continued = client.responses.create(
        model="fast", previous_response_id=asked.id, input=[result], tools=[TOOL]
    )
    assert continued.output_text
    passed_back = client.responses.create(
        model="fast",
        input=[{"role": "user", "content": "Weather in Oslo?"}, *asked.output, result],
        tools=[TOOL],
    )
    assert passed_back.usage.input_tokens == continued.usage.input_tokens

    parsed = client.responses.parse(model="fast", input="Invent one.", text_format=Person)
    assert isinstance(parsed.output_parsed, Person)


def errors(client: openai.OpenAI) -> None:
    for call, expected in (
        (lambda: client.responses.create(model="none", input="x"), openai.NotFoundError),
        (lambda: client.responses.create(model="fast", input=[]), openai.BadRequestError),
        (
            lambda: client.chat.completions.create(model="fast", messages=[]),
            openai.BadRequestError,
        ),
    ):
        try:
            call()
        except expected:
            continue
        raise AssertionError(f"no {expected.__name__}")


async def asynchronously() -> None:
    async with openai.AsyncOpenAI(**CLIENT) as client:
        chunks = [
            chunk
            async for chunk in await client.chat.completions.create(
                model="fast",
                messages=QUESTION,
                stream=True,
                stream_options={"include_usage": True},
            )
        ]
        assert chunks[-1].usage.completion_tokens == sum(
            bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks
        )
        async with client.responses.stream(
            model="fast", input="Invent one.", text_format=Person
        ) as stream:
            async for _ in stream:
                pass
            assert isinstance((await stream.get_final_response()).output_parsed, Person)
        answers = await asyncio.gather(
            *(client.responses.create(model="fast", input=f"Hello {n}") for n in range(20))
        )
        assert len({answer.id for answer in answers}) == 20


with openai.OpenAI(**CLIENT) as client:
    assert {model.id for model in client.models.list()} >= {"fast", "slow"}
    chat(client)
    responses(client)
    errors(client)
asyncio.run(asynchronously())
