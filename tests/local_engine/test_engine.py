"""The engine itself: every kind of request that the labs make, and no process left behind."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import httpx2
import jsonschema
import pytest

from labtools import connect
from labtools.coding_agent import play
from labtools.errors import ConfigurationError, EndpointUnreachable
from labtools.local_engine.model_file import CACHE_VARIABLE, model_file
from labtools.local_engine.serving import EngineProcess
from labtools.local_engine.settings import SIZES, EngineSettings, missing_packages
from labtools.model.tokens import filler

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing_packages()),
        reason=f"the engine cannot run here: no {', '.join(missing_packages())} (make engine)",
    ),
]

# Long enough for any machine; a test that gets here has failed.
HANGS_S = 120
SETTINGS = EngineSettings("2M", slots=3, context=4096)
EDIT = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "line": {"type": "integer"}},
    "required": ["path", "line"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "edit", "parameters": EDIT}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "edit", "schema": EDIT}}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """The weights are made for these tests, and not looked for in the reader's home."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def lab(cache):
    with connect("engine", engine=SETTINGS) as lab:
        yield lab


def call(lab, **request):
    async def one():
        return await lab.call("step", **{"input_tokens": 60, **request})

    record = lab.run(one()).result
    assert record.error is None
    return record


def is_alive(base_url):
    url = httpx2.URL(base_url)
    try:
        socket.create_connection((url.host, url.port), timeout=5).close()
    except OSError:
        return False
    return True


def has_ended(base_url, within_s=HANGS_S):
    deadline = time.monotonic() + within_s
    while is_alive(base_url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# what it answers


def test_a_lab_says_what_it_is_on(lab):
    assert lab.mode == lab.endpoint == "engine"
    assert lab.clock == "wall"
    assert "the engine (random-2M) at http://127.0.0.1:" in str(lab)


@pytest.mark.parametrize("tokens", [1, 2, 60, 300])
def test_an_answer_is_exactly_as_long_as_asked(lab, tokens):
    record = call(lab, output_tokens=tokens)
    assert record.output_tokens == len(record.chunks_at) == tokens
    assert record.content.isprintable()


def test_a_prompt_has_about_as_many_tokens_as_at_the_mock(lab):
    assert call(lab, input_tokens=1000, output_tokens=1).input_tokens == pytest.approx(
        1000, rel=0.03
    )


def test_the_plain_client_gets_its_length_too(lab):
    async def ask(**request):
        return await lab.client.chat.completions.create(
            model="any", messages=[{"role": "user", "content": "go"}], **request
        )

    answer = lab.run(ask(extra_body={"mock": {"output_tokens": 12}})).result
    assert answer.usage.completion_tokens == 12
    assert lab.run(ask(max_tokens=5)).result.usage.completion_tokens == 5
    assert lab.run(ask(max_completion_tokens=5)).result.usage.completion_tokens == 5
    assert len(lab.run(ask(n=3, max_tokens=5)).result.choices) == 3


def test_a_schema_is_kept(lab):
    for _ in range(5):
        record = call(lab, response_format=JSON_SCHEMA)
        assert record.finish_reason == "stop"
        jsonschema.validate(json.loads(record.content), EDIT)


def test_with_a_schema_a_length_is_a_limit(lab):
    record = call(lab, response_format=JSON_SCHEMA, output_tokens=4)
    assert record.output_tokens == 4
    assert record.finish_reason == "length"
    assert json.loads(call(lab, response_format={"type": "json_object"}).content) is not None


@pytest.mark.parametrize(
    "choice", ["auto", "required", {"type": "function", "function": {"name": "edit"}}]
)
def test_a_tool_is_called_once_with_arguments_that_fit(lab, choice):
    record = call(lab, input_tokens=200, tools=[TOOL], tool_choice=choice)
    (made,) = record.tool_calls
    assert made.name == "edit"
    assert made.id
    jsonschema.validate(json.loads(made.arguments), EDIT)
    assert record.finish_reason == "tool_calls"


def test_after_a_tools_result_it_answers_in_words(lab):
    function = {"name": "edit", "arguments": '{"path": "a", "line": 1}'}
    messages = [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    record = call(lab, messages=messages, tools=[TOOL], max_tokens=8)
    assert record.tool_calls == ()
    assert record.output_tokens == 8


def test_with_tools_a_length_is_exact(lab):
    record = call(lab, input_tokens=200, tools=[TOOL], output_tokens=40)
    assert record.output_tokens == 40
    assert "<tool_call>" not in record.content


def test_a_dictated_answer_takes_as_long_as_its_tokens(lab):
    told = {"mock": {"content": "PASS", "output_tokens": 30}}
    record = call(lab, extra_body=told)
    assert (record.content, record.output_tokens) == ("PASS", 30)
    assert len(record.chunks_at) == 30


def test_a_scripted_agent_solves_its_task_in_as_many_tokens_as_on_the_mock(lab):
    with connect("sim") as mock:
        expected = play(mock, "one_shot")
    found = play(lab, "one_shot")
    assert found.result.solved
    assert [one.output_tokens for one in found.calls] == [
        one.output_tokens for one in expected.calls
    ]


def test_a_recording_of_it_says_the_same_again(tmp_path):
    async def two(lab):
        told = {"mock": {"content": "PASS", "output_tokens": 9}}
        return [await lab.call("a", output_tokens=7), await lab.call("b", extra_body=told)]

    path = tmp_path / "run.jsonl"
    with connect("engine", engine=SETTINGS, record=path) as lab:
        recorded = lab.run(two(lab)).result
    with connect(f"replay:{path}") as replay:
        assert replay.on_mock
        replayed = replay.run(two(replay)).result
    assert [one.content for one in replayed] == [one.content for one in recorded]
    assert [one.output_tokens for one in replayed] == [7, 9]


def test_a_stop_sequence_ends_the_answer(lab):
    record = call(lab, stop=['"', "]", "e", "a"], max_tokens=200)
    assert record.finish_reason == "stop"
    assert set('"]ea').isdisjoint(record.content)


def test_the_second_of_two_equal_prompts_is_cached_and_a_changed_start_is_not(lab):
    text = filler(1500, random.Random(3))
    first = [{"role": "user", "content": text}]
    call(lab, messages=first, output_tokens=1)
    again = call(lab, messages=first, output_tokens=1)
    assert again.cached_tokens >= 0.99 * again.input_tokens
    middle = [{"role": "user", "content": text[:3000] + "changed " + text[3000:]}]
    half = call(lab, messages=middle, output_tokens=1)
    assert half.cached_tokens == pytest.approx(half.input_tokens / 2, rel=0.05)
    front = [{"role": "user", "content": "changed " + text}]
    assert call(lab, messages=front, output_tokens=1).cached_tokens < 20


def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(lab):
    async def ask():
        return await lab.call("step", input_tokens=6000, output_tokens=1)

    error = lab.run(ask()).result.error
    assert error.status == 400
    assert "4096" in error.message or "context" in error.message


def test_calls_beyond_the_slots_all_get_an_answer(lab):
    async def crowd():
        return await asyncio.gather(
            *(lab.call("step", input_tokens=60, output_tokens=20) for _ in range(9))
        )

    records = lab.run(crowd()).result
    assert [record.output_tokens for record in records] == [20] * 9


def test_no_call_of_many_in_a_row_fails(lab):
    async def chain():
        return [await lab.call("step", input_tokens=40, output_tokens=2) for _ in range(60)]

    assert [record.error for record in lab.run(chain()).result if record.error] == []


def test_the_responses_api_answers(lab):
    async def ask():
        return await lab.client.responses.create(model="any", input="go", max_output_tokens=9)

    answer = lab.run(ask()).result
    assert answer.usage.output_tokens == 9


def test_a_wrong_mock_object_is_a_400(lab):
    async def ask():
        return await lab.call("step", extra_body={"mock": {"bogus": 1}})

    assert lab.run(ask()).result.error.status == 400


# starting and stopping


def test_closing_the_lab_ends_the_process():
    lab = connect("engine", engine=SETTINGS)
    url = str(lab.client.base_url)
    assert is_alive(url)
    lab.close()
    assert has_ended(url)
    lab.close()


def test_stopping_twice_does_nothing_and_no_process_is_left():
    engine = EngineProcess(SETTINGS)
    os.kill(engine.pid, 0)
    engine.stop()
    engine.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(engine.pid, 0)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal(ending):
    command = [sys.executable, "-m", "labtools", "engine", "--port", "0", "--context", "1024"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("Serving on http://127.0.0.1:")
            process.send_signal(ending)
            process.wait(timeout=HANGS_S)
        finally:
            process.kill()
    assert has_ended(line.split()[2])


def test_it_ends_with_the_process_that_started_it():
    script = (
        "import os; from labtools.local_engine.serving import EngineProcess; "
        "print(EngineProcess().base_url, flush=True); os._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert has_ended(done.stdout.strip())


def test_a_port_in_use_says_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "labtools", "engine", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S)
    assert done.returncode == 1
    assert done.stderr.startswith(f"labtools: Cannot listen on 127.0.0.1:{port}")


def test_a_damaged_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    path = model_file(SIZES["2M"])
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(EndpointUnreachable, match=path.name):
        EngineProcess(SETTINGS)


def test_without_the_packages_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("labtools.local_engine.settings.missing_packages", lambda: ["xllamacpp"])
    with pytest.raises(ConfigurationError, match=r"not installed: xllamacpp.*make engine"):
        connect("engine")


def test_settings_of_the_engine_are_for_the_engine():
    with pytest.raises(ConfigurationError, match='for the endpoint "engine"'):
        connect("sim", engine=SETTINGS)


def test_a_size_says_it_all():
    with contextlib.closing(connect("engine", engine="2M")) as lab:
        assert EngineSettings("2M").model_name in str(lab)
    with pytest.raises(ConfigurationError, match=r"engine size: '3M'.*100M"):
        connect("engine", engine="3M")


def test_the_environment_chooses_the_engine(monkeypatch):
    monkeypatch.setenv("LABTOOLS_ENDPOINT", "engine")
    with contextlib.closing(connect(profile={"a": "fast", "b": "slow"}, model="b")) as lab:
        assert lab.mode == "engine"
        assert call(lab, model="a", output_tokens=3).model == "a"
