"""OpenAI's API as the mock serves it: through the SDK's own client, and through bare HTTP."""

import asyncio
import json
import re

import httpx2
import jsonschema
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labtools.errors import ConfigurationError
from labtools.mock.app import LARGEST_BODY_BYTES, create_app
from labtools.mock.faults import Fault, FaultPlan
from labtools.model.profile import LatencyProfile, PrefixCache, RateLimits

PROFILE = LatencyProfile(
    "p",
    decode_tokens_per_s=100,
    overhead_s=0.1,
    prefill_tokens_per_s=10_000,
    prefix_cache=PrefixCache(),
    context_limit_tokens=10_000,
)
HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["bug", "feature"]},
        "files": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "first": {"$ref": "#/$defs/place"},
    },
    "required": ["kind", "files", "first"],
    "additionalProperties": False,
    "$defs": {
        "place": {
            "type": "object",
            "properties": {"line": {"type": "integer", "minimum": 1}},
            "required": ["line"],
            "additionalProperties": False,
        }
    },
}
TOOL = {"type": "function", "function": {"name": "report", "parameters": SCHEMA}}


@pytest.fixture
def client(sim):
    return sim.mock(PROFILE)


def ask(client, **request):
    return client.chat.completions.create(**{"model": "p", "messages": HELLO, **request})


def mock(**options):
    return {"mock": options}


def answer(sim, client, **request):
    return sim.run(ask(client, **request))


def stream(sim, client, **request):
    """The chunks of a streamed answer, and when each was read."""

    async def read():
        chunks = []
        async for chunk in await ask(client, stream=True, **request):
            chunks.append((sim.now, chunk))
        return chunks

    return sim.run(read())


# answers


def test_an_answer(sim, client):
    completion = answer(sim, client)
    assert completion.object == "chat.completion"
    assert completion.model == "p"
    assert completion.id.startswith("chatcmpl-")
    (choice,) = completion.choices
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert choice.message.role == "assistant"
    assert len(choice.message.content) == 4 * 100
    assert completion.usage.prompt_tokens == 4  # <|user|>hello
    assert completion.usage.completion_tokens == 100
    assert completion.usage.total_tokens == 104
    assert completion.usage.prompt_tokens_details.cached_tokens == 0


def test_a_streamed_answer_says_the_same_in_pieces(sim, client):
    chunks = [chunk for _, chunk in stream(sim, client, seed=1)]
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    assert text == answer(sim, client, seed=1).choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_runs_on_the_formulas_schedule(sim, client):
    started_at = sim.now
    chunks = stream(sim, client, extra_body=mock(output_tokens=50))
    ttft_s = PROFILE.ttft_s(4)
    content = [at for at, chunk in chunks if chunk.choices[0].delta.content]
    due = [started_at + ttft_s + step * 0.01 for step in range(50)]
    assert content == pytest.approx(due, abs=2e-9)
    assert sim.now == pytest.approx(started_at + PROFILE.e2e_latency_s(50, 4), abs=2e-9)


def test_an_answer_that_is_not_streamed_takes_as_long(sim, client):
    started_at = sim.now
    answer(sim, client, extra_body=mock(output_tokens=50))
    assert sim.now - started_at == pytest.approx(PROFILE.e2e_latency_s(50, 4), abs=2e-9)


def test_usage_comes_last_when_it_is_asked_for(sim, client):
    chunks = [c for _, c in stream(sim, client, stream_options={"include_usage": True})]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 100
    assert all(chunk.usage is None for chunk in chunks[:-1])


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_answer(sim, client, limit):
    completion = answer(sim, client, **{limit: 7})
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens == 7
    started_at = sim.now
    answer(sim, client, **{limit: 7})
    expected_s = PROFILE.e2e_latency_s(7, 4, stops_by_itself=False)
    assert sim.now - started_at == pytest.approx(expected_s, abs=2e-9)


def test_several_choices(sim, client):
    completion = answer(sim, client, n=3)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in completion.choices}) == 3
    assert completion.usage.completion_tokens == 300


def test_choices_of_different_lengths_each_end_on_their_own(sim, client):
    stop = ["the", "one"]
    whole = answer(sim, client, n=4, seed=1, stop=stop)
    lengths = [len(choice.message.content) for choice in whole.choices]
    assert len(set(lengths)) > 1
    chunks = stream(sim, client, n=4, seed=1, stop=stop)
    for index, choice in enumerate(whole.choices):
        mine = [(at, c.choices[0]) for at, c in chunks if c.choices[0].index == index]
        assert "".join(c.delta.content or "" for _, c in mine) == choice.message.content
        assert [c.finish_reason for _, c in mine if c.finish_reason] == ["stop"]
        assert mine[-1][1].finish_reason == "stop"


def test_a_seed_repeats_an_answer(sim, client):
    first, again, other, free = (
        answer(sim, client, **{"seed": seed} if seed else {}).choices[0].message.content
        for seed in (5, 5, 6, None)
    )
    assert first == again
    assert len({first, other, free}) == 3


def test_a_stop_sequence_ends_the_answer(sim, client):
    words = answer(sim, client, seed=1).choices[0].message.content.split(" ")
    fifth = " " + words[5]
    assert words.index(words[5]) == 5
    completion = answer(sim, client, seed=1, stop=fifth)
    assert completion.choices[0].message.content == " ".join(words[:5])
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.completion_tokens == 5


def test_a_stop_sequence_at_the_very_start_leaves_an_empty_answer(sim, client):
    extra = mock(content="END of it")
    completion = answer(sim, client, stop=["END"], extra_body=extra)
    assert completion.choices[0].message.content == ""
    assert completion.usage.completion_tokens == 0
    chunks = [c for _, c in stream(sim, client, stop=["END"], extra_body=extra)]
    assert [c.choices[0].finish_reason for c in chunks] == [None, "stop"]


def test_reasoning_comes_before_the_answer_and_is_counted(sim, client):
    extra = mock(reasoning_tokens=5, output_tokens=3)
    completion = answer(sim, client, extra_body=extra)
    assert completion.usage.completion_tokens == 8
    assert completion.usage.completion_tokens_details.reasoning_tokens == 5
    assert len(completion.choices[0].message.reasoning_content) == 20
    deltas = [c.choices[0].delta for _, c in stream(sim, client, extra_body=extra)]
    thoughts = [bool(getattr(delta, "reasoning_content", None)) for delta in deltas]
    assert thoughts == [False] + [True] * 5 + [False] * 4


# tools


def test_a_tool_call(sim, client):
    completion = answer(sim, client, tools=[TOOL])
    (choice,) = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.name == "report"
    jsonschema.validate(json.loads(call.function.arguments), SCHEMA)


def test_a_streamed_tool_call_comes_in_fragments(sim, client):
    chunks = [c for _, c in stream(sim, client, tools=[TOOL], seed=1)]
    fragments = [f for c in chunks for f in c.choices[0].delta.tool_calls or ()]
    assert [fragment.index for fragment in fragments] == [0] * len(fragments)
    assert fragments[0].id
    assert fragments[0].function.name == "report"
    assert all(fragment.id is None for fragment in fragments[1:])
    assert len(fragments) > 5
    arguments = "".join(fragment.function.arguments for fragment in fragments)
    whole = answer(sim, client, tools=[TOOL], seed=1).choices[0].message.tool_calls[0]
    assert arguments == whole.function.arguments
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", False),
        ("auto", True),
        ("required", True),
        ({"type": "function", "function": {"name": "report"}}, True),
    ],
)
def test_tool_choice(sim, client, choice, called):
    completion = answer(sim, client, tools=[TOOL], tool_choice=choice)
    assert bool(completion.choices[0].message.tool_calls) == called


def test_after_a_tools_result_it_answers_in_words(sim, client):
    first = answer(sim, client, tools=[TOOL]).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "done"}
    history = [*HELLO, first.model_dump(exclude_none=True), result]
    completion = answer(sim, client, tools=[TOOL], messages=history)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content


def test_a_limit_in_the_middle_of_a_tool_call_says_length(sim, client):
    completion = answer(sim, client, tools=[TOOL], max_tokens=4)
    assert completion.choices[0].finish_reason == "length"
    assert completion.choices[0].message.tool_calls[0].function.name == "report"
    assert completion.usage.completion_tokens == 4


def test_the_sdks_stream_helper_puts_it_together(sim, client):
    async def read():
        async with client.chat.completions.stream(
            model="p", messages=HELLO, tools=[TOOL]
        ) as events:
            return await events.get_final_completion()

    (call,) = sim.run(read()).choices[0].message.tool_calls
    jsonschema.validate(json.loads(call.function.arguments), SCHEMA)


# JSON


@pytest.mark.parametrize("streamed", [False, True])
def test_a_json_schema_is_met(sim, client, streamed):
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA, "strict": True}}
    if streamed:
        chunks = stream(sim, client, response_format=form)
        text = "".join(c.choices[0].delta.content or "" for _, c in chunks)
    else:
        text = answer(sim, client, response_format=form).choices[0].message.content
    jsonschema.validate(json.loads(text), SCHEMA)


def test_a_json_object_is_one(sim, client):
    form = {"type": "json_object"}
    text = answer(sim, client, response_format=form).choices[0].message.content
    assert isinstance(json.loads(text), dict)


def test_a_new_schema_costs_its_compilation_once(sim):
    client = sim.mock(PROFILE.but(schema_compile_s=3.0))
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}

    def took_s():
        started_at = sim.now
        answer(sim, client, response_format=form, extra_body=mock(output_tokens=60))
        return sim.now - started_at

    assert took_s() - took_s() == pytest.approx(3.0, abs=1e-8)


# the endpoint around it


def test_a_second_call_finds_its_prefix(sim, client):
    messages = [{"role": "user", "content": "x" * 8000}]
    cold, warm = (answer(sim, client, messages=messages).usage for _ in range(2))
    assert cold.prompt_tokens == warm.prompt_tokens == 2002
    assert cold.prompt_tokens_details.cached_tokens == 0
    assert warm.prompt_tokens_details.cached_tokens == 15 * 128


def test_models(sim):
    client = sim.mock({"a": PROFILE, "b/c": PROFILE})

    async def look():
        listed = [model.id async for model in client.models.list()]
        return listed, (await client.models.retrieve("b/c")).id

    assert sim.run(look()) == (["a", "b/c"], "b/c")


def test_rate_limits_are_told_in_headers(sim):
    client = sim.mock(PROFILE.but(rate_limits=RateLimits(requests_per_minute=1)))

    async def twice():
        first = await client.chat.completions.with_raw_response.create(model="p", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(client)
        return first.headers, caught.value

    headers, error = sim.run(twice())
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-request-id"].startswith("req_")
    waited_s = PROFILE.e2e_latency_s(100, 4)
    assert float(error.response.headers["retry-after"]) == pytest.approx(60 - waited_s, abs=0.002)
    assert error.code == "rate_limit_exceeded"
    assert error.body["type"] == "rate_limit_error"


def test_the_sdk_retries_after_as_long_as_it_is_told(sim):
    client = sim.mock(PROFILE.but(rate_limits=RateLimits(requests_per_minute=1)))
    patient = client.with_options(max_retries=1)

    async def twice():
        started_at = sim.now
        await ask(patient, extra_body=mock(output_tokens=1))
        await ask(patient, extra_body=mock(output_tokens=1))
        return sim.now - started_at

    # The SDK adds up to a quarter of the wait, but never comes early.
    assert 60 <= sim.run(twice()) < 76


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("500"), openai.InternalServerError),
        (Fault("503"), openai.InternalServerError),
        (Fault("429", 5), openai.RateLimitError),
        (Fault("cut"), openai.APIConnectionError),
    ],
)
def test_a_fault_meets_the_request_that_its_script_names(sim, fault, error):
    client = sim.mock(PROFILE, faults=FaultPlan(script={2: fault}))
    answer(sim, client)
    with pytest.raises(error):
        answer(sim, client)
    answer(sim, client)


@pytest.mark.parametrize("late_s", [0, 30])
def test_a_cut_stream_ends_half_way_without_an_end(sim, late_s):
    client = sim.mock(PROFILE, faults=FaultPlan(script={1: Fault("cut")}))
    seen = []

    async def read():
        async for chunk in await ask(client, stream=True):
            seen.append(chunk)
            if len(seen) == 1:  # whoever looks late finds steps due from before and after the cut
                await asyncio.sleep(late_s)

    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        sim.run(read())
    content = [chunk for chunk in seen if chunk.choices[0].delta.content]
    assert len(content) == 50
    assert seen[-1].choices[0].finish_reason is None


def test_an_endpoint_needs_a_profile():
    with pytest.raises(ConfigurationError, match="at least one profile"):
        create_app({})


# errors, in OpenAI's form


def refusal(sim, app, method="POST", path="/v1/chat/completions", **request):
    """(status, the error's object, headers)."""

    async def send():
        async with sim.http(app) as http:
            return await http.request(method, path, **request)

    response = sim.run(send())
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return response.status_code, error, response.headers


@pytest.fixture
def app():
    return create_app({"p": PROFILE, "q": PROFILE})


def body(**fields):
    return {"model": "p", "messages": HELLO, **fields}


def test_an_unknown_model_names_the_known_ones(sim, app):
    status, error, _ = refusal(sim, app, json=body(model="gpt-9"))
    assert (status, error["param"], error["code"]) == (404, "model", "model_not_found")
    assert "p, q" in error["message"]
    status, error, _ = refusal(sim, app, "GET", "/v1/models/gpt-9")
    assert (status, error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/embeddings", "/v1/chat/completions/x", "/chat"])
def test_an_unknown_path(sim, app, path):
    status, error, _ = refusal(sim, app, json=body(), path=path)
    assert status == 404
    assert path in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET"),
    ],
)
def test_a_wrong_method_names_the_right_one(sim, app, method, path, allowed):
    status, _, headers = refusal(sim, app, method, path)
    assert status == 405
    assert allowed in headers["allow"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_a_malformed_body(sim, app, content):
    status, error, _ = refusal(sim, app, content=content)
    assert (status, error["type"]) == (400, "invalid_request_error")


def test_a_wrong_type_names_its_field(sim, app):
    status, error, _ = refusal(sim, app, json=body(messages=[{"role": "user", "content": 5}]))
    assert status == 400
    assert error["param"].startswith("messages[0].content")


@pytest.mark.parametrize(
    "changes",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s"}}},
        {"tools": [TOOL], "mock": {"output_tokens": 1}},
        {"mock": {"output_tokens": 10**6}},
        {"n": 128, "mock": {"output_tokens": 5000}},
    ],
)
def test_requests_of_extremes_are_answered_or_refused(sim, app, changes):
    async def send():
        async with sim.http(app) as http:
            return (await http.post("/v1/chat/completions", json=body(**changes))).status_code

    assert sim.run(send()) in (200, 400)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"enum": []},
        False,
    ],
)
def test_an_unusable_schema_is_the_clients_fault(sim, app, schema):
    parameters = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    tool = {"type": "function", "function": {"name": "t", "parameters": parameters}}
    status, error, _ = refusal(sim, app, json=body(tools=[tool]))
    assert status == 400
    assert "schema" in error["message"]


def test_a_prompt_longer_than_the_context(sim, app):
    long = [{"role": "user", "content": "x" * 40_000}]
    status, error, _ = refusal(sim, app, json=body(messages=long))
    assert (status, error["code"]) == (400, "context_length_exceeded")
    assert "10000 tokens" in error["message"]
    status, error, _ = refusal(sim, app, json=body(max_tokens=9999))
    assert error["code"] == "context_length_exceeded"


def test_a_body_beyond_all_measure(sim, app, monkeypatch):
    monkeypatch.setattr("labtools.mock.app.LARGEST_BODY_BYTES", 1000)
    assert LARGEST_BODY_BYTES == 16 * 2**20
    status, error, _ = refusal(sim, app, content=b"x" * 1001)
    assert status == 413
    assert "1000 bytes" in error["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "right"},
        {"authorization": "Bearer right "},
        {"authorization": "bearer"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/chat/completions"), ("GET", "/v1/models")]
)
def test_without_the_key_there_is_no_answer(sim, headers, method, path):
    app = create_app({"p": PROFILE}, api_key="right")
    status, error, _ = refusal(sim, app, method, path, headers=headers, json=body())
    assert (status, error["type"]) == (401, "authentication_error")
    assert error["code"] == "invalid_api_key"
    assert "right" not in error["message"]


def test_with_the_key_there_is(sim):
    app = create_app({"p": PROFILE}, api_key="right")
    assert sim.run(ask(sim.client(app, api_key="right"))).choices
    with pytest.raises(openai.AuthenticationError):
        sim.run(ask(sim.client(app, api_key="wrong")))


def test_a_bug_in_the_mock_is_a_500_in_openais_form(sim, app, monkeypatch):
    monkeypatch.setattr("labtools.mock.app.answer", lambda *_: 1 / 0)
    status, error, _ = refusal(sim, app, json=body())
    assert (status, error["type"]) == (500, "server_error")
    assert "division" not in error["message"]


# clients that go away


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("moment_s", [0.05, 0.5], ids=["in prefill", "in decode"])
def test_a_client_that_leaves_frees_its_slot_at_once(sim, streamed, moment_s):
    app = create_app({"p": PROFILE.but(max_batch=1)})
    client = sim.client(app)

    async def read():
        answering = await ask(client, stream=streamed)
        if streamed:
            async for _ in answering:
                pass

    async def leave():
        reading = asyncio.create_task(read())
        await asyncio.sleep(moment_s)
        engine = app.state.endpoint.engines["p"]
        assert engine.active == 1
        reading.cancel()
        await asyncio.wait({reading})
        assert engine.active == 0
        started_at = sim.now
        await ask(client, max_tokens=1)
        return sim.now - started_at

    assert sim.run(leave()) == pytest.approx(PROFILE.ttft_s(4), abs=2e-9)


def test_a_client_that_closes_its_stream_early_frees_its_slot(sim):
    app = create_app({"p": PROFILE})
    client = sim.client(app)

    async def read_three():
        async with await ask(client, stream=True) as chunks:
            for _ in range(3):
                await anext(aiter(chunks))
        return app.state.endpoint.engines["p"].active

    assert sim.run(read_three()) == 0


def test_a_client_that_leaves_the_queue_is_forgotten(sim):
    app = create_app({"p": PROFILE.but(max_batch=1)})
    client = sim.client(app)

    async def wait_in_line():
        first = asyncio.create_task(ask(client))
        await asyncio.sleep(0.01)
        impatient = asyncio.create_task(ask(client))
        await asyncio.sleep(0.01)
        patient = asyncio.create_task(ask(client, max_tokens=1))
        await asyncio.sleep(0.01)
        impatient.cancel()
        await asyncio.gather(first, patient)
        return sim.now

    started_at = sim.now
    ended_at = sim.run(wait_in_line())
    lone_s = PROFILE.e2e_latency_s(100, 4)
    assert ended_at - started_at == pytest.approx(lone_s + PROFILE.ttft_s(4), abs=4e-9)


def test_a_client_that_runs_out_of_patience_frees_its_slot(sim):
    app = create_app({"p": PROFILE}, faults=FaultPlan(script={1: Fault("stall", 1000)}))
    client = sim.client(app)

    async def impatient():
        with pytest.raises(openai.APITimeoutError):
            await ask(client, timeout=5)
        return sim.now, app.state.endpoint.engines["p"].active

    started_at = sim.now
    ended_at, active = sim.run(impatient())
    assert ended_at - started_at == pytest.approx(5)
    assert active == 0


@pytest.mark.parametrize("odd", ["\x00", "\u2028", "😀", '"\\'])
@pytest.mark.parametrize("streamed", [False, True])
def test_odd_characters_everywhere_are_only_characters(sim, odd, streamed):
    app = create_app({"p": PROFILE.but(replicas=3)})
    tool = {"type": "function", "function": {"name": odd, "description": odd}}
    request = body(
        messages=[
            {"role": "user", "content": odd, "name": odd},
            {"role": "function", "content": odd},
        ],
        tools=[tool],
        seed=1,
        stop=odd,
        prompt_cache_key=odd,
        stream=streamed,
        mock={"content": f"before {odd}{odd} after", "output_tokens": 9},
    )

    async def send():
        async with sim.http(app) as http:
            return await http.post("/v1/chat/completions", json=request)

    response = sim.run(send())
    assert response.status_code == 200, response.text
    said = [json.loads(line) for line in re.findall(r"^(?:data: )?({.*})$", response.text, re.M)]
    parts = [c.get("delta", c.get("message")) for one in said for c in one["choices"]]
    assert "".join(part.get("content", "") for part in parts).strip() == "before"


@pytest.mark.parametrize("content", ["\ud800", [{"type": "text", "text": "\ud800"}]])
def test_half_a_character_is_no_reason_to_fail(sim, app, content):
    """JSON can hold it, as an escape; UTF-8 cannot."""
    request = body(messages=[{"role": "user", "content": content}], seed=1)

    async def send():
        async with sim.http(app) as http:
            return await http.post("/v1/chat/completions", content=json.dumps(request))

    assert sim.run(send()).status_code == 200


# hostile requests

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.sampled_from([0, 1, -1, 2**31, 2**63, 10**300]),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(["user", "tool", "auto", "none", "required", "function", "json_schema", "p"]),
    st.sampled_from(["\ud800", "\x00", "data: [DONE]\n\n", "' OR 1=1 --", "../../etc/passwd"]),
)
field_names = st.one_of(
    st.sampled_from(
        "role content name tool_calls tool_call_id id type function arguments parameters strict "
        "schema json_schema properties required items enum anyOf $ref minLength pattern "
        "output_tokens reasoning_tokens tool_call_count include_usage".split()
    ),
    st.text(max_size=5),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(field_names, inner, max_size=5),
    max_leaves=10,
)
schemas = st.sampled_from([SCHEMA, {}]) | st.dictionaries(field_names, values, max_size=4)
tools = st.builds(
    lambda name, schema: {"type": "function", "function": {"name": name, "parameters": schema}},
    st.text(min_size=1, max_size=5),
    schemas,
)
told_calls = st.fixed_dictionaries(
    {"name": st.text(max_size=5)},
    optional={"arguments": st.text(max_size=9) | st.dictionaries(field_names, values, max_size=3)},
)
plausible = {
    "messages": st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "tool", "system"])},
            optional={"content": st.none() | st.text(max_size=9) | st.lists(st.just({"a": 1}))},
        ),
        min_size=1,
        max_size=3,
    ),
    "tools": st.lists(tools, max_size=3),
    "tool_choice": st.sampled_from(["none", "auto", "required"]),
    "response_format": st.builds(
        lambda schema: {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        schemas,
    ),
    "max_tokens": st.integers(1, 300),
    "max_completion_tokens": st.integers(1, 300),
    "n": st.integers(1, 4),
    "stop": st.text(max_size=2) | st.lists(st.text(max_size=2), max_size=4),
    "seed": st.integers(),
    "stream": st.booleans(),
    "stream_options": st.just({"include_usage": True}),
    "parallel_tool_calls": st.booleans(),
    "prompt_cache_key": st.text(max_size=3),
    "mock": st.fixed_dictionaries(
        {},
        optional={
            "output_tokens": st.integers(1, 300),
            "reasoning_tokens": st.integers(0, 50),
            "content": st.text(max_size=30),
            "tool_calls": st.lists(told_calls, max_size=3),
            "tool_call_count": st.integers(1, 5),
        },
    ),
}


@st.composite
def bodies(draw):
    """A request's bytes: plausible, and then perhaps with one part that is not."""
    request = {"model": "p", "messages": HELLO}
    request |= draw(st.fixed_dictionaries({}, optional=plausible))
    damage = draw(st.sampled_from(["none", "none", "value", "cut", "overwrite", "replace"]))
    if damage == "value":
        request[draw(st.sampled_from(["model", "temperature", *plausible]))] = draw(values)
    text = json.dumps(request).encode()
    if damage == "cut":
        return text[: draw(st.integers(0, len(text)))]
    if damage == "overwrite":
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(st.binary(max_size=4)) + text[at + 2 :]
    return draw(st.binary(max_size=30)) if damage == "replace" else text


HOSTILE = create_app(
    {
        "p": PROFILE.but(
            max_batch=2, schema_compile_s=1.0, batch_penalty=0.1, jitter_sigma=0.3, replicas=2
        )
    }
)


def sane(response):
    """Whether this is an answer that an OpenAI endpoint could give."""
    if response.status_code == 200:
        if "event-stream" in response.headers["content-type"]:
            return response.content.endswith(b"data: [DONE]\n\n")
        return response.json()["object"] == "chat.completion"
    error = response.json()["error"]
    return 400 <= response.status_code < 500 and isinstance(error["message"], str)


@pytest.fixture(scope="session")
def send(new_sim):
    """One request to the mock, on a clock of its own."""

    def send(method, path, **request):
        sim = new_sim()

        async def exchange():
            async with sim.http(HOSTILE) as http:
                return await http.request(method, path, timeout=None, **request)

        try:
            return sim.run(exchange())
        finally:
            sim.loop.close()

    return send


@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(bodies())
def test_no_body_is_hostile_enough_for_a_500_or_a_hang(send, body):
    response = send("POST", "/v1/chat/completions", content=body)
    assert sane(response), (response.status_code, response.content[:300])


HELLO_JSON = '"model": "p", "messages": [{"role": "user", "content": "x"}]'
NESTED = {
    "content": '{"model": "p", "messages": [{"role": "user", "content": [{"a": %s}]}]}',
    "message": '{"model": "p", "messages": [{"role": "user", "content": "x", "extra": %s}]}',
    "schema": f'{{{HELLO_JSON}, "response_format": {{"type": "json_schema", "json_schema": '
    '{"name": "s", "schema": {"allOf": %s}}}}',
    "tool": f'{{{HELLO_JSON}, "tools": [{{"type": "function", "function": {{"name": "f", '
    '"parameters": {"x": %s}}}]}',
    "told call": f'{{{HELLO_JSON}, "mock": {{"tool_calls": [{{"name": "f", "arguments": '
    '{"x": %s}}]}}',
    "ignored": f'{{{HELLO_JSON}, "metadata": %s}}',
}


@pytest.mark.parametrize("place", NESTED)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_no_nesting_is_deep_enough_for_a_500(send, place, opening, closing):
    for depth in (50, 400, *range(600, 1010, 30), 3000, 100_000):
        nested = opening * depth + "0" + closing * depth
        response = send("POST", "/v1/chat/completions", content=NESTED[place] % nested)
        assert sane(response), (depth, response.status_code, response.content[:300])


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "TRACE"]),
    st.lists(
        st.sampled_from(["v1", "chat", "completions", "models", "p", "..", "%2e", "%00", "é", ""]),
        max_size=5,
    ),
    st.dictionaries(
        st.sampled_from(["content-type", "authorization", "accept", "expect"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        max_size=3,
    ),
)
def test_no_path_method_or_header_is_odd_enough_for_a_500(send, method, parts, headers):
    response = send(method, "http://mock/" + "/".join(parts), headers=headers)
    assert response.status_code < 500
    if response.status_code >= 400 and method != "HEAD":
        assert response.json()["error"]["message"]
