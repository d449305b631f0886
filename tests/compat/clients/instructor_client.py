"""instructor: typed answers through tools, JSON schema, JSON mode and Responses."""

import asyncio
import sys

import instructor
import openai
from pydantic import BaseModel, Field


class Person(BaseModel):
    name: str
    age: int = Field(ge=0, le=130)
    languages: list[str] = Field(min_length=1)


QUESTION = [{"role": "user", "content": "Invent a person."}]
CLIENT = {"base_url": sys.argv[1], "api_key": "any", "max_retries": 0}

for mode in (
    instructor.Mode.TOOLS,
    instructor.Mode.JSON_SCHEMA,
    instructor.Mode.RESPONSES_TOOLS,
):
    client = instructor.from_openai(openai.OpenAI(**CLIENT), mode=mode)
    person = client.create(model="fast", messages=QUESTION, response_model=Person, max_retries=1)
    assert isinstance(person, Person), mode

client = instructor.from_openai(openai.OpenAI(**CLIENT))
partial = list(client.create_partial(model="fast", messages=QUESTION, response_model=Person))
assert partial[-1].name
people = list(client.create_iterable(model="fast", messages=QUESTION, response_model=Person))
assert all(isinstance(person, Person) for person in people)


async def asynchronously() -> None:
    client = instructor.from_openai(openai.AsyncOpenAI(**CLIENT))
    person = await client.create(model="fast", messages=QUESTION, response_model=Person)
    assert isinstance(person, Person)


asyncio.run(asynchronously())
