"""Each reader finds what its tool wrote: calls, tokens, times, waits; and no more."""

import json
import random

import pytest
from agent_logs import SHARED, SMALL, otlp, span

from labtools import connect
from labtools.errors import ConfigurationError
from labtools.lab.spans import covered_s
from labtools.lab.waits import Order
from labtools.lab.whatif import what_if
from labtools.own_agent.readers import read_trace
from labtools.records import Wait

needs_samples = pytest.mark.skipif(not SHARED.exists(), reason="needs the samples beside the tree")


def read(tmp_path, content):
    path = tmp_path / "log"
    path.write_text(content)
    return read_trace(path)


def found(trace):
    def total(name):
        return sum(getattr(call, name) or 0 for call in trace.calls)

    tokens = tuple(total(name) for name in ("input_tokens", "cached_tokens", "output_tokens"))
    human_s = covered_s(span for span in trace.spans if span.kind == "human")
    times = (trace.inference_s, trace.tool_s, human_s)
    return len(trace.calls), tokens, tuple(round(seconds, 3) for seconds in times)


@needs_samples
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("claude_code.jsonl", (10, (418_193, 394_068, 9_423), (109.229, 73.353, 19.913))),
        ("codex_rollout.jsonl", (9, (95_819, 79_488, 1_912), (29.849, 6.583, 24.707))),
        ("tracelab_rounds.jsonl", (19, (514_012, 473_556, 11_335), (139.078, 79.936, 44.62))),
        ("inspect_browser.json", (5, (15_235, 9_088, 281), (8.280, 9.860, 0.0))),
    ],
)
def test_the_samples_say_what_their_readme_says(file, expected):
    assert found(read_trace(SHARED / file)) == expected


@needs_samples
@pytest.mark.parametrize(
    ("file", "ttft_s"),
    [("otel_genai.jsonl", 0.526), ("otel_openinf.jsonl", 0.541), ("otel_pyd.jsonl", 0.532)],
)
def test_a_call_that_was_not_streamed_has_no_ttft(file, ttft_s):
    whole, streamed = read_trace(SHARED / file).calls
    assert whole.ttft_s is None
    assert round(streamed.ttft_s, 3) == ttft_s
    assert (whole.input_tokens, streamed.output_tokens) == (302, 20)


@needs_samples
def test_a_tool_is_held_to_its_own_call():
    assert round(what_if(read_trace(SHARED / "codex_rollout.jsonl"), "fast").duration_s, 2) == 42.47


def steps(trace):
    return [
        (span.kind, span.started_at, span.ended_at, [wait.id for wait in span.waits_for])
        for span in trace.spans
    ]


def test_claude_code(tmp_path):
    trace = read(tmp_path, SMALL["claude_code.jsonl"])
    assert steps(trace) == [
        ("llm", 0.0, 3.0, []),
        ("tool", 3.0, 4.0, [1]),
        ("retry", 4.0, 5.5, [2]),
        ("llm", 5.5, 7.0, [3]),
        ("human", 7.0, 20.0, []),
        ("llm", 20.0, 21.0, [5]),
    ]
    assert [call.input_tokens for call in trace.calls] == [1000] * 3
    assert trace.spans[0].derived == ("started_at",)


def test_codex(tmp_path):
    trace = read(tmp_path, SMALL["codex_rollout.jsonl"])
    assert steps(trace) == [
        ("llm", 0.0, 2.1, []),
        ("tool", 2.0, 2.5, [1]),
        ("tool", 2.1, 3.0, [1]),
        ("llm", 3.0, 4.0, [2, 3]),
    ]
    assert [call.output_tokens for call in trace.calls] == [40, 40]


def test_tracelab_sessions_stand_one_behind_the_other(tmp_path):
    trace = read(tmp_path, SMALL["tracelab_rounds.jsonl"])
    assert steps(trace) == [("llm", 0.0, 2.0, []), ("llm", 2.0, 4.0, [])]
    assert "2 sessions" in trace.endpoint


def test_inspect(tmp_path):
    trace = read(tmp_path, SMALL["inspect_browser.json"])
    assert steps(trace) == [
        ("llm", 0.0, 1.0, []),
        ("tool", 1.0, 3.0, [1]),
        ("llm", 3.0, 5.0, [2]),
    ]


def test_otlp(tmp_path):
    trace = read(tmp_path, SMALL["otel_pyd.jsonl"])
    assert steps(trace) == [
        ("group", 0.0, 9.0, []),
        ("llm", 0.0, 2.0, []),
        ("tool", 2.0, 3.0, [2]),
        ("llm", 4.0, 9.0, [3]),
    ]
    assert found(trace)[1] == (2000, 0, 40)
    assert trace.calls[0].ttft_s == 0.5


def test_litellm(tmp_path):
    trace = read(tmp_path, SMALL["litellm.jsonl"])
    assert steps(trace) == [
        ("llm", 0.0, 2.0, []),
        ("tool", 2.0, 3.0, [1]),
        ("llm", 3.0, 5.0, [2]),
        ("llm", 5.0, 6.0, []),
    ]
    assert trace.spans[1].derived == ("started_at", "ended_at")
    assert [call.ttft_s for call in trace.calls] == [0.5, None, None]
    assert found(trace)[1] == (3000, 2700, 120)
    assert trace.spans[3].error == "too many"


def test_langfuse(tmp_path):
    trace = read(tmp_path, SMALL["langfuse.json"])
    assert [(span.kind, span.name) for span in trace.spans] == [
        ("group", "agent a"),
        ("llm", "generation b"),
        ("tool", "tool c"),
        ("llm", "generation e"),
    ]
    assert found(trace)[1] == (1905, 1800, 80)
    assert [call.ttft_s for call in trace.calls] == [0.5, None]
    assert trace.spans[3].error == "too many"


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "gen_ai__system": "openai",
            "gen_ai__usage__prompt_tokens": 1000,
            "gen_ai__usage__cache_read_input_tokens": 900,
            "gen_ai__usage__completion_tokens": 40,
            "events": [("gen_ai.content.first_chunk", 0.5)],
        },
        {
            "openinference__span__kind": "LLM",
            "llm__token_count__prompt": 1000,
            "llm__token_count__prompt_details__cache_read": 900,
            "llm__token_count__completion": 40,
            "events": [("First Token Stream Event", 0.5)],
        },
        {
            "ai__operationId": "ai.streamText.doStream",
            "ai__usage__inputTokens": 1000,
            "ai__usage__cachedInputTokens": 900,
            "ai__usage__outputTokens": 40,
            "ai__response__msToFirstChunk": 500.0,
        },
        {
            "name": "claude_code.llm_request",
            "input_tokens": 5,
            "cache_creation_tokens": 95,
            "cache_read_tokens": 900,
            "output_tokens": 40,
            "ttft_ms": 500,
        },
    ],
)
def test_one_call_in_each_dialect(tmp_path, attributes):
    (call,) = read(tmp_path, otlp(span("a", 0, 2, **attributes))).calls
    assert (call.input_tokens, call.cached_tokens, call.output_tokens) == (1000, 900, 40)
    assert call.ttft_s == 0.5


def test_a_span_of_the_console_exporter(tmp_path):
    exported = {
        "name": "chat",
        "context": {"trace_id": "0x1", "span_id": "0x2"},
        "parent_id": None,
        "start_time": "2026-05-01T10:00:00.000000Z",
        "end_time": "2026-05-01T10:00:02.000000Z",
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7},
    }
    (call,) = read(tmp_path, json.dumps(exported, indent=4) * 1).calls
    assert (call.input_tokens, call.e2e_latency_s) == (7, 2.0)


def test_a_ttft_that_is_the_total_is_not_known(tmp_path):
    chat = {"gen_ai__operation__name": "chat", "gen_ai__response__time_to_first_chunk": 2.0}
    assert read(tmp_path, otlp(span("a", 0, 2, **chat))).calls[0].ttft_s is None


def test_a_call_that_holds_a_call_repeats_it(tmp_path):
    chat = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 10}
    trace = read(tmp_path, otlp(span("a", 0, 3, **chat), span("b", 1, 2, "a", **chat)))
    assert [span.kind for span in trace.spans] == ["group", "llm"]


def test_waiting_for_leave_is_a_persons_time(tmp_path):
    log = otlp(
        span("l", 0, 1, name="claude_code.llm_request"),
        span("t", 1, 9, name="claude_code.tool", tool_name="Bash"),
        span("w", 1, 8, "t", name="claude_code.tool.blocked_on_user"),
    )
    kinds = {span.name: span.kind for span in read(tmp_path, log).spans}
    assert kinds["claude_code.tool.blocked_on_user"] == "human"


def test_our_own_traces_and_recordings(tmp_path):
    recording = tmp_path / "recording.jsonl"
    with connect("sim", record=recording) as lab:

        async def agent():
            await lab.call("a", output_tokens=20)
            await lab.tool("t", 1.0)
            await lab.call("b", output_tokens=20)

        trace = lab.run(agent())
    assert read_trace(trace.save(tmp_path / "trace.json")).spans == trace.spans
    calls = read_trace(recording).calls
    assert [call.e2e_latency_s for call in calls] == [c.e2e_latency_s for c in trace.calls]
    assert [call.ttft_s for call in calls] == [call.ttft_s for call in trace.calls]


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("", "it is empty"),
        ("hello", "holds no JSON object, and begins with b'hello'"),
        ('{"a": 1, "b": 2}', "1 JSON object, the first with the fields 'a', 'b'"),
        ("PK\x03\x04", "is a zip file"),
        ("[" * 10_000, "holds no JSON object"),
    ],
)
def test_an_unknown_file_says_what_was_seen_and_what_is_read(tmp_path, content, seen):
    with pytest.raises(ConfigurationError, match="Read are: OpenTelemetry") as raised:
        read(tmp_path, content)
    assert seen in str(raised.value)


def test_a_log_without_calls_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match="no call of a model could be read"):
        read(tmp_path, '{"type": "user", "uuid": "u", "message": {"content": "x"}}')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"Cannot read .*nothing: No such file"):
        read_trace(tmp_path / "nothing")


ODD = [None, -1, 0, 1e300, True, "", "x", "9" * 400, [], {}, [1], {"a": 1}, float("nan"), 2**70]


def mutated(content, dice):
    """The file with a piece missing, doubled or wrong, or a value of another kind in it."""
    at = dice.randrange(len(content))
    end = min(len(content), at + dice.choice([1, 5, 50, 5000]))
    how = dice.randrange(4)
    if how == 0:
        return content[:at] + content[end:]
    if how == 1:
        return content[:end] + content[at:]
    if how == 2:
        return content[:at] + dice.choice('"{}[],:0x\0\n') + content[at + 1 :]
    records = [json.loads(line) for line in content.splitlines() if line.strip()]
    place = records
    while True:
        inner = list(place) if isinstance(place, dict) else range(len(place))
        key = dice.choice(list(inner))
        if not (isinstance(place[key], dict | list) and place[key] and dice.random() < 0.93):
            break
        place = place[key]
    place[key] = dice.choice(ODD)
    return "\n".join(json.dumps(record) for record in records)


@pytest.mark.parametrize("file", SMALL)
def test_broken_files_are_read_or_refused(tmp_path, file):
    contents = [SMALL[file]]
    if (SHARED / file).exists():
        contents.append((SHARED / file).read_text())
    refused = 0
    for seed in range(300):
        dice = random.Random(seed)
        content = mutated(contents[seed % 5 == 0 and len(contents) > 1], dice)
        try:
            trace = read(tmp_path, content)
            Order(trace.spans, trace.started_at, trace.ended_at)
            trace.save(tmp_path / "saved")
            assert read_trace(tmp_path / "saved").spans == trace.spans
        except ConfigurationError:
            refused += 1
    assert refused < 200


def test_edges_are_said_to_be_causal(tmp_path):
    trace = read(tmp_path, SMALL["codex_rollout.jsonl"])
    assert trace.spans[1].waits_for == (Wait(1, "causal"),)
