"""Each provider's ways are its own, and the figures are the plain mock's."""

import json
import math
import random
from dataclasses import asdict

import openai
import pytest

from labtools.errors import ConfigurationError
from labtools.lab.stopwatch import timed_call
from labtools.mock.app import create_app
from labtools.mock.dialects import DIALECTS
from labtools.model.profile import LatencyProfile, PrefixCache
from labtools.wire.chat_reader import read_chat_stream

PROFILE = LatencyProfile(
    "p",
    decode_tokens_per_s=50,
    overhead_s=1.2,
    prefill_tokens_per_s=10_000,
    prefix_cache=PrefixCache(minimum_tokens=16, block_tokens=16),
    jitter_sigma=0.2,
)
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"x": {"type": "integer"}},
            "required": ["x"],
        },
    },
}
# Where cached tokens are told neither in `prompt_tokens_details` nor beside `prompt_tokens`.
HIDES_CACHED = {"mistral", "vllm", "llama.cpp", "ollama"}
HIDES_THOUGHTS = {"openai", "azure"}
WHOLE_CALLS = {"mistral", "ollama"}


def body(**changes):
    return {"model": "p", "messages": [{"role": "user", "content": "hello " * 40}], **changes}


def send(sim, dialect, *bodies, app=None):
    """(status, timed chunks) of each request, one after the other, on a clock of its own."""
    app = app or create_app({"p": PROFILE}, dialect=dialect)

    async def ask():
        found = []
        async with sim.http(app) as http:
            for asked in bodies:
                async with http.stream("POST", "/v1/chat/completions", json=asked) as answer:
                    began = sim.now
                    chunks = [(sim.now - began, chunk) async for chunk in answer.aiter_raw()]
                found.append((answer.status_code, chunks))
        return found

    return sim.run(ask())


def chunks_of(timed):
    lines = b"".join(chunk for _, chunk in timed).split(b"\n\n")
    data = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    assert data[-1] == b"[DONE]"
    return [json.loads(line) for line in data[:-1]]


def asked(usage=True, **changes):
    options = {"stream_options": {"include_usage": True}} if usage else {}
    return body(stream=True, **options, **changes)


REQUESTS = {
    "words": asked(mock={"output_tokens": 40}),
    "cut": asked(max_tokens=7),
    "once more": asked(mock={"output_tokens": 40}),
    "two choices": asked(n=2, max_tokens=5),
    "a call": asked(tools=[TOOL]),
}
# What the usage of each stream says is found in other places; this is when tokens came and which.
READ = ("chunks_at", "chunk_chars", "first_output_at", "content", "tool_calls", "finish_reason")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tokens_and_their_times_are_those_of_the_plain_mock(new_sim, dialect):
    plain = send(new_sim(), None, *REQUESTS.values())
    spoken = send(new_sim(), dialect, *REQUESTS.values())
    for name, (_, expected), (status, found) in zip(REQUESTS, plain, spoken, strict=True):
        assert status == 200
        was, now = read_chat_stream(expected), read_chat_stream(found)
        assert now.error is None
        assert found[-1][0] == expected[-1][0]
        if name == "a call" and dialect in WHOLE_CALLS:
            assert now.tool_calls == was.tool_calls
            assert now.first_output_at == expected[-1][0]
        elif dialect != "openrouter" or name != "two choices":
            assert [getattr(now, key) for key in READ] == [getattr(was, key) for key in READ]


MEASURED = {
    "words": {"extra_body": {"mock": {"output_tokens": 40}}},
    "once more": {"extra_body": {"mock": {"output_tokens": 40}}},
    "cut": {"max_tokens": 7},
    "a call": {"tools": [TOOL]},
    "thoughts": {"extra_body": {"mock": {"output_tokens": 9, "reasoning_tokens": 5}}},
}
COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
TELLS_NO = {  # what is not told is not known, and never another number
    "input_tokens": set(),
    "output_tokens": set(),
    "cached_tokens": {"mistral", "vllm", "ollama"},
    "reasoning_tokens": {"mistral", "moonshot", "vllm", "llama.cpp", "ollama"},
}


def measured(sim, dialect):
    client = sim.mock({"p": PROFILE}, dialect=dialect)
    return [asdict(sim.run(timed_call(client, **body(), **more))) for more in MEASURED.values()]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_stopwatch_reads_what_it_reads_on_the_plain_mock(new_sim, dialect):
    pairs = zip(MEASURED, measured(new_sim(), None), measured(new_sim(), dialect), strict=True)
    for name, expected, found in pairs:
        counts = {count: (found.pop(count), expected.pop(count)) for count in COUNTS}
        for count, (told, known) in counts.items():
            assert told == (None if dialect in TELLS_NO[count] else known)
        if name == "a call" and dialect in WHOLE_CALLS:
            assert found["tool_calls"] == expected["tool_calls"]
        elif name == "thoughts" and dialect in HIDES_THOUGHTS:
            shown = ("first_output_at", "ended_at", "content", "finish_reason", "error")
            assert [found[key] for key in shown] == [expected[key] for key in shown]
        else:
            assert found == expected


def usages(chunk):
    places = [chunk, chunk.get("x_groq") or {}, *chunk["choices"]]
    return [place["usage"] for place in places if place.get("usage")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_counts_the_same_tokens(new_sim, dialect):
    requests = [asked(mock={"output_tokens": 40, "reasoning_tokens": 5})] * 2
    plain = [chunks_of(timed)[-1]["usage"] for _, timed in send(new_sim(), None, *requests)]
    for expected, (_, timed) in zip(plain, send(new_sim(), dialect, *requests), strict=True):
        ((usage,),) = [found for chunk in chunks_of(timed) if (found := usages(chunk))]
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            assert usage[name] == expected[name]
        cached = (usage.get("prompt_tokens_details") or usage).get("cached_tokens")
        hidden = dialect in HIDES_CACHED
        assert cached == (None if hidden else expected["prompt_tokens_details"]["cached_tokens"])
    assert expected["prompt_tokens_details"]["cached_tokens"] == 48


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_that_is_not_streamed_is_read_by_the_sdk(sim, dialect):
    client = sim.mock({"p": PROFILE}, dialect=dialect)
    plain = sim.run(sim.mock({"p": PROFILE}).chat.completions.create(**body(tools=[TOOL])))
    answer = sim.run(client.chat.completions.create(**body(tools=[TOOL])))
    assert answer.choices[0].message.tool_calls == plain.choices[0].message.tool_calls
    assert answer.usage.completion_tokens == plain.usage.completion_tokens


THINKING = asked(mock={"reasoning_tokens": 2, "content": "four", "output_tokens": 1})


def deltas(sim, dialect):
    ((_, timed),) = send(sim, dialect, THINKING)
    return [choice["delta"] for chunk in chunks_of(timed) for choice in chunk["choices"]]


@pytest.mark.parametrize(
    ("dialect", "field", "thoughts"),
    [
        ("openai", "reasoning_content", 0),
        ("azure", "reasoning_content", 0),
        ("deepseek", "reasoning_content", 2),
        ("moonshot", "reasoning_content", 2),
        ("llama.cpp", "reasoning_content", 2),
        ("groq", "reasoning", 2),
        ("openrouter", "reasoning", 2),
        ("openrouter", "reasoning_details", 2),
        ("vllm", "reasoning", 2),
        ("ollama", "reasoning", 2),
    ],
)
def test_thoughts_have_the_name_that_the_provider_gives_them(sim, dialect, field, thoughts):
    said = deltas(sim, dialect)
    assert sum(field in delta for delta in said) == thoughts
    assert "four" in [delta.get("content") for delta in said]


def test_mistrals_thoughts_are_parts_of_the_content(sim):
    parts = [
        delta["content"][0]
        for delta in deltas(sim, "mistral")
        if type(delta.get("content")) is list
    ]
    assert [part["type"] for part in parts] == ["thinking", "thinking"]


@pytest.mark.parametrize(
    ("dialect", "tokens"), [(None, 5), ("openai", 5), ("deepseek", 100), ("ollama", 100)]
)
def test_the_newer_limit_is_obeyed_or_not(sim, dialect, tokens):
    ((_, timed),) = send(sim, dialect, asked(max_completion_tokens=5))
    assert len(read_chat_stream(timed).chunks_at) == tokens


def test_mistral_refuses_the_newer_limit(sim):
    ((status, timed),) = send(sim, "mistral", asked(max_completion_tokens=5))
    assert status == 422
    (found,) = json.loads(timed[0][1])["message"]["detail"]
    assert found["loc"] == ["body", "max_completion_tokens"]


@pytest.mark.parametrize("dialect", ["deepseek", "openrouter"])
def test_comments_come_until_a_token_does(sim, dialect):
    ((_, timed),) = send(sim, dialect, asked(max_tokens=3))
    comments = [at for at, chunk in timed if chunk == DIALECTS[dialect].comment]
    reading = read_chat_stream(timed)
    assert comments == [0.5 * n for n in range(math.ceil(reading.chunks_at[0] / 0.5))]
    assert len(comments) > 1
    assert reading.finish_reason == "length"


def test_azures_first_chunk_has_no_choices(sim):
    ((_, timed),) = send(sim, "azure", asked(max_tokens=3))
    first, second, *_ = chunks_of(timed)
    assert first["choices"] == []
    assert first["prompt_filter_results"]
    assert second["choices"][0]["content_filter_results"] == {}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_reaches_the_sdk_with_its_words(sim, dialect):
    client = sim.mock({"p": PROFILE}, dialect=dialect)
    with pytest.raises(openai.NotFoundError) as caught:
        sim.run(client.chat.completions.create(**{**body(), "model": "nobody"}))
    assert "Models here: p" in str(caught.value)


def test_a_dialect_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match=r"klingon.*openrouter"):
        create_app({"p": PROFILE}, dialect="klingon")


def test_what_is_said_does_not_depend_on_the_dialect(new_sim):
    rng = random.Random(1)
    requests = [asked(mock={"output_tokens": rng.randint(1, 30)}, seed=n) for n in range(5)]
    said = {
        tuple(read_chat_stream(timed).content for _, timed in send(new_sim(), dialect, *requests))
        for dialect in (None, *DIALECTS)
    }
    assert len(said) == 1
