"""The Responses API through the SDK, in process, on the simulated clock: the SDK is the oracle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel, TypeAdapter

from labtools.mock.app import create_app
from labtools.mock.faults import Fault, FaultPlan
from labtools.model.named_profiles import NAMED
from labtools.transport.in_process import InProcessTransport

FAST = NAMED["fast"]
WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
EVENTS = TypeAdapter(openai.types.responses.ResponseStreamEvent)


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
def create(sim: Any) -> Callable[..., Response]:
    client = sim.mock({"m": FAST})
    return lambda **request: sim.run(client.responses.create(model="m", **request))


def mock(**options: Any) -> dict[str, Any]:
    return {"extra_body": {"mock": options}}


async def events_of(client: openai.AsyncOpenAI, **request: Any) -> list[tuple[float, Any]]:
    loop = asyncio.get_running_loop()
    stream = await client.responses.create(model="m", stream=True, **request)
    return [(loop.time(), event) async for event in stream]


def test_an_answer_of_the_asked_length(create):
    response = create(input="Hello", instructions="Be brief.", **mock(output_tokens=20))
    assert response.status == "completed"
    assert [item.type for item in response.output] == ["message"]
    assert len(response.output_text) == 20 * 4
    assert response.usage.output_tokens == 20
    assert response.usage.total_tokens == response.usage.input_tokens + 20
    assert response.instructions == "Be brief."


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"input": "Hello"}, id="words"),
        pytest.param({"input": "Hello", **mock(content="")}, id="no words"),
        pytest.param({"input": "Hello", **mock(reasoning_tokens=3)}, id="reasoning"),
        pytest.param(
            {"input": "x", "reasoning": {"summary": "auto"}, **mock(reasoning_tokens=3)},
            id="reasoning summary",
        ),
        pytest.param({"input": "x", "tools": [WEATHER]}, id="call"),
        pytest.param(
            {"input": "x", "tools": [WEATHER], **mock(tool_call_count=3, reasoning_tokens=2)},
            id="reasoning and calls",
        ),
        pytest.param({"input": "x", "max_output_tokens": 16}, id="cut words"),
        pytest.param(
            {
                "input": "x",
                "tools": [WEATHER],
                "max_output_tokens": 16,
                **mock(reasoning_tokens=12),
            },
            id="cut call",
        ),
        pytest.param(
            {"input": "x", "max_output_tokens": 16, **mock(reasoning_tokens=30)},
            id="cut reasoning",
        ),
    ],
)
def test_a_stream_is_the_whole_response_in_parts(sim, request_):
    """Events are as the SDK types them, numbered, nested, and add up to the final response."""

    async def both(client: openai.AsyncOpenAI) -> Any:
        events = [event for _, event in await events_of(client, **request_)]
        return events, await client.responses.create(model="m", **request_)

    events, whole = sim.run(both(sim.mock({"m": FAST})))
    for event in events:
        EVENTS.validate_python(event.to_dict())
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    final = events[-1].response
    assert events[-1].type == f"response.{final.status}"
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.to_dict() for item in done] == [item.to_dict() for item in final.output]
    added = [event for event in events if event.type == "response.output_item.added"]
    assert [event.output_index for event in added] == list(range(len(final.output)))
    assert [event.item.id for event in added] == [item.id for item in final.output]
    for index, item in enumerate(final.output):
        deltas = [
            event.delta
            for event in events
            if event.type.endswith(".delta") and event.output_index == index
        ]
        assert "".join(deltas) == said(item)
    assert shape(final) == shape(whole)


def said(item: Any) -> str:
    if item.type == "function_call":
        return item.arguments
    parts = item.summary or item.content if item.type == "reasoning" else item.content
    return "".join(part.text for part in parts)


def shape(response: Response) -> Any:
    kinds = [(item.type, getattr(item, "status", None)) for item in response.output]
    return kinds, response.status, response.incomplete_details, response.usage.input_tokens


def test_events_of_an_answer_in_order(sim):
    client = sim.mock({"m": FAST})
    events = sim.run(events_of(client, input="Hello", **mock(output_tokens=2)))
    assert [event.type for _, event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_events_of_a_function_call_in_order(sim):
    call = {"name": "weather", "arguments": "{}"}
    client = sim.mock({"m": FAST})
    events = sim.run(events_of(client, input="x", **mock(tool_calls=[call])))
    assert [event.type for _, event in events][2:] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]


def test_tokens_come_when_the_formula_says(sim):
    client, started_at = sim.mock({"m": FAST}), sim.now
    events = sim.run(events_of(client, input="x" * 4000, **mock(output_tokens=10)))
    ttft_s = FAST.ttft_s(events[-1][1].response.usage.input_tokens)
    opening = [at for at, event in events if event.type == "response.created"]
    deltas = [at for at, event in events if event.type == "response.output_text.delta"]
    expected = [started_at + ttft_s + step * FAST.step_s() for step in range(10)]
    assert opening == deltas[:1]
    assert deltas == pytest.approx(expected, abs=1e-9)
    assert events[-1][0] == pytest.approx(expected[-1] + FAST.step_s(), abs=1e-9)


def test_parse_gives_the_asked_type(sim):
    client = sim.mock({"m": FAST})
    parsed = sim.run(client.responses.parse(model="m", input="x", text_format=Person))
    assert isinstance(parsed.output_parsed, Person)


def test_the_stream_helper_gives_the_asked_type_and_arguments(sim):
    async def streamed(client: openai.AsyncOpenAI) -> Any:
        async with client.responses.stream(model="m", input="x", text_format=Person) as stream:
            typed = await stream.get_final_response()
        strict = {**WEATHER, "strict": True}
        async with client.responses.stream(model="m", input="x", tools=[strict]) as stream:
            return typed, await stream.get_final_response()

    typed, called = sim.run(streamed(sim.mock({"m": FAST})))
    assert isinstance(typed.output_parsed, Person)
    assert called.output[0].parsed_arguments.keys() == {"city"}


def test_json_object(create):
    response = create(input="x", text={"format": {"type": "json_object"}})
    assert isinstance(json.loads(response.output_text), dict)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", set()),
        ("auto", {"a"}),
        ("required", {"a"}),
        ({"type": "function", "name": "b"}, {"b"}),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "b"}],
            },
            {"b"},
        ),
    ],
)
def test_tool_choice(create, choice, expected):
    tools = [{**WEATHER, "name": name} for name in "ab"]
    response = create(input="x", tools=tools, tool_choice=choice)
    assert {item.name for item in response.output if item.type == "function_call"} == expected


def test_parallel_tool_calls_can_be_forbidden(create):
    options = {"input": "x", "tools": [WEATHER], **mock(tool_call_count=3)}
    assert len(create(**options).output) == 3
    assert len(create(**options, parallel_tool_calls=False).output) == 1


def test_an_unsatisfiable_schema_is_the_clients_error(create):
    schema = {"type": "integer", "minimum": 2, "maximum": 1}
    form = {"type": "json_schema", "name": "a", "schema": schema}
    with pytest.raises(openai.BadRequestError, match="Invalid schema"):
        create(input="x", text={"format": form})


def test_a_prompt_past_the_context_limit_names_the_input(sim):
    client = sim.mock({"m": FAST.but(context_limit_tokens=5000)})
    with pytest.raises(openai.BadRequestError, match="maximum context length") as caught:
        sim.run(client.responses.create(model="m", input="x" * 40_000))
    assert caught.value.param == "input"
    assert caught.value.code == "context_length_exceeded"


def test_an_unknown_model_is_not_found(sim):
    client = sim.mock({"m": FAST})
    with pytest.raises(openai.NotFoundError, match="Models here: m"):
        sim.run(client.responses.create(model="none", input="x"))


def test_a_refusal_by_fault_has_the_apis_status(sim):
    client = sim.mock({"m": FAST}, faults=FaultPlan(script={1: Fault("429", 2)}))
    with pytest.raises(openai.RateLimitError) as caught:
        sim.run(client.responses.create(model="m", input="x"))
    assert caught.value.response.headers["retry-after"] == "2"


def test_a_cut_stream_never_completes(sim):
    client = sim.mock({"m": FAST}, faults=FaultPlan(script={1: Fault("cut")}))
    seen = []

    async def read() -> None:
        async for event in await client.responses.create(model="m", input="x", stream=True):
            seen.append(event.type)

    with pytest.raises(openai.APIConnectionError):
        sim.run(read())
    assert "response.output_text.delta" in seen
    assert "response.completed" not in seen


class WholeBody(httpx2.BaseTransport):
    """For the synchronous client: each request runs on the simulated clock to its end."""

    def __init__(self, sim: Any, app: Any) -> None:
        self._sim = sim
        self._inner = InProcessTransport(app, sim.loop)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        async def exchange() -> httpx2.Response:
            response = await self._inner.handle_async_request(request)
            body = b"".join([chunk async for chunk in response.stream])
            return httpx2.Response(response.status_code, headers=response.headers, content=body)

        return self._sim.run(exchange())


def test_the_synchronous_client_reads_the_same(sim):
    http = httpx2.Client(transport=WholeBody(sim, create_app({"m": FAST})))
    options = {"base_url": "http://mock/v1", "api_key": "any", "max_retries": 0}
    with openai.OpenAI(**options, http_client=http) as client:
        assert (
            client.responses.create(model="m", input="x", **mock(content="hi")).output_text == "hi"
        )
        parsed = client.responses.parse(model="m", input="x", text_format=Person)
        assert isinstance(parsed.output_parsed, Person)
        with client.responses.stream(model="m", input="x", **mock(content="hello")) as stream:
            text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
            assert text == stream.get_final_response().output_text == "hello"
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model="m", input=[])
