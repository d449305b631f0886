"""The proxy: bytes as they come, a trace as it goes, and nothing of what was said."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import httpx2
import openai
import pytest

from labtools.cli import main
from labtools.clock import SimLoop
from labtools.lab.trace import FORMAT
from labtools.mock.app import create_app
from labtools.mock.server import ServerProcess
from labtools.model.named_profiles import FAST, SLOW
from labtools.own_agent.answers import read_answer
from labtools.own_agent.prompt_blocks import breaks, prompt_of
from labtools.own_agent.proxy import Ledger, Proxy
from labtools.own_agent.readers import read_trace
from labtools.transport.in_process import InProcessTransport

KEY = "sk-planted-0123456789"
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("read", "write")
]


@pytest.fixture
def proxied(tmp_path):
    """Run `use(client)` through the proxy, on the simulated clock; its trace and its file."""

    def run(use, keep_text=False, upstream=None):
        path = tmp_path / f"run {len(list(tmp_path.iterdir()))}.jsonl"
        loop = SimLoop()
        ledger = Ledger(path, "the mock", keep_text)
        provider = upstream or InProcessTransport(create_app({"slow": SLOW}), loop)
        proxy = Proxy(ledger, provider, "http://provider/v1")
        http = httpx2.AsyncClient(transport=InProcessTransport(proxy, loop))
        client = openai.AsyncOpenAI(
            api_key=KEY, base_url="http://proxy/v1", http_client=http, max_retries=0
        )
        loop.run_until_complete(use(client))
        ledger.close()
        loop.close()
        return read_trace(path), path.read_text()

    return run


async def ask(client, messages, **words):
    stream = await client.chat.completions.create(
        model="slow",
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=20,
        **words,
    )
    text, calls = "", []
    async for chunk in stream:
        delta = chunk.choices[0].delta if chunk.choices else None
        text += (delta and delta.content) or ""
        calls += [call for call in (delta and delta.tool_calls) or [] if call.id]
    return text, calls


def user(text):
    return {"role": "user", "content": text}


def test_a_call_is_timed_as_without_a_proxy(proxied):
    trace, _ = proxied(lambda client: ask(client, [user("hello " * 300)]))
    (call,) = trace.calls
    assert call.ttft_s == pytest.approx(SLOW.ttft_s(call.input_tokens))
    assert call.output_tokens == 20
    assert len(call.chunks_at) == 20
    assert call.error is None


def test_a_whole_answer_has_no_ttft(proxied):
    async def use(client):
        await client.chat.completions.create(model="slow", messages=[user("a")], max_tokens=5)

    (call,) = proxied(use)[0].calls
    assert call.ttft_s is None
    assert (call.output_tokens, call.finish_reason) == (5, "length")


def test_neither_keys_nor_texts_are_in_the_file(proxied):
    async def use(client):
        await ask(client, [{"role": "system", "content": "secret plan"}, user("quiet words")])

    trace, written = proxied(use)
    for kept in (KEY, "secret plan", "quiet words", "Authorization"):
        assert kept not in written
    assert [block.kind for block in trace.spans[0].blocks] == ["system", "message"]
    assert proxied(use, keep_text=True)[0].calls[0].content


def test_a_tool_waits_for_its_call_and_the_next_call_for_the_tool(proxied):
    async def use(client):
        messages = [user("go")]
        _, (call,) = await ask(client, messages, tools=TOOLS, tool_choice="required")
        await asyncio.sleep(2)
        asked = {"id": call.id, "type": "function", "function": {"name": "read", "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [asked]},
            {"role": "tool", "tool_call_id": call.id, "content": "x"},
        ]
        text, _ = await ask(client, messages)
        await ask(client, [*messages, {"role": "assistant", "content": text}, user("more")])

    trace, _ = proxied(use)
    by_name = {span.name: span for span in trace.spans}
    (tool,) = (span for span in trace.spans if span.kind == "tool")
    assert [wait.id for wait in tool.waits_for] == [by_name["call 1"].id]
    assert tool.duration_s == pytest.approx(2)
    assert tool.derived == ("started_at", "ended_at")
    assert [wait.id for wait in by_name["call 2"].waits_for] == [tool.id]
    assert [wait.id for wait in by_name["call 3"].waits_for] == [by_name["call 2"].id]


@pytest.mark.parametrize(
    ("second", "place", "kind"),
    [
        ({"tools": TOOLS[::-1]}, 1, "tool"),
        ({"system": "You help. It is 10:01."}, 3, "system"),
        ({"words": "other"}, 4, "message"),
    ],
)
def test_what_broke_the_cache_is_found(proxied, second, place, kind):
    async def turn(client, system="You help. It is 10:00.", tools=TOOLS, words="first", more=()):
        messages = [{"role": "system", "content": system}, user(words), *more]
        await ask(client, messages, tools=tools)

    async def use(client):
        await turn(client)
        await turn(client, more=[user("grown")])
        await turn(client, more=[user("grown"), user("again")], **second)

    trace, _ = proxied(use)
    (found,) = breaks(trace.spans, {})
    assert (found.sentence.partition(":")[0], found.place) == ("call 3", place)
    assert found.block
    assert found.block.startswith(kind)


def test_a_refusal_and_a_missing_provider_are_calls_that_failed(proxied):
    class Nobody(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise httpx2.ConnectError("nobody")

    async def wrong(client):
        with pytest.raises(openai.NotFoundError):
            await ask(client.with_options(), [user("a")], extra_body={"model": "none"})

    async def unreachable(client):
        with pytest.raises(openai.APIStatusError, match="cannot reach provider"):
            await ask(client, [user("a")])

    assert proxied(wrong)[0].calls[0].error.status == 404
    assert proxied(unreachable, upstream=Nobody())[0].calls[0].error.kind == "connection"


def test_other_requests_pass_and_are_no_calls(proxied):
    async def use(client):
        models = await client.models.list()
        assert [model.id for model in models.data] == ["slow"]
        await ask(client, [user("a")], extra_headers={"x-labtools-step": "locate"})

    trace, _ = proxied(use)
    assert [span.name for span in trace.spans] == ["locate"]


def test_a_file_that_was_cut_off_holds_what_had_ended(proxied, tmp_path):
    async def use(client):
        for _ in range(3):
            await ask(client, [user("a")])

    _, written = proxied(use)
    for length in range(written.index("\n") + 1, len(written), 97):
        cut = tmp_path / "cut.jsonl"
        cut.write_text(written[:length])
        assert len(read_trace(cut).calls) in (written[:length].count("\n") - 1, 3)


def test_where_requests_go():
    def url(path, upstream=None, **set_here):
        return Proxy(None, None, upstream, set_here).url(path)

    assert url("/v1/chat/completions") == "https://api.openai.com/v1/chat/completions"
    assert url("/v1/messages") == "https://api.anthropic.com/v1/messages"
    assert url("/v1/messages", "http://a/v1") == "http://a/v1/messages"
    assert url("/v1/responses", OPENAI_BASE_URL="http://b/x/v1/") == "http://b/x/v1/responses"


def stream(*events):
    return [(1.0 + n, f"data: {json.dumps(event)}\n\n".encode()) for n, event in enumerate(events)]


def test_an_answer_of_anthropics_messages():
    usage = {"input_tokens": 5, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 95}
    answer = read_answer(
        stream(
            {"type": "message_start", "message": {"model": "opus", "usage": usage}},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "so"}},
            {
                "type": "content_block_start",
                "content_block": {"type": "tool_use", "id": "t", "name": "read"},
            },
            {
                "type": "message_delta",
                "delta": {"stop_reason": "tool_use"},
                "usage": {"output_tokens": 7},
            },
            {"type": "message_stop"},
        )
    )
    call = answer.record("asked", 0.0, 9.0, None)
    assert (call.model, call.input_tokens, call.cached_tokens) == ("opus", 1000, 900)
    assert (call.output_tokens, call.finish_reason, call.ttft_s) == (7, "tool_use", 3.0)
    assert answer.tools == {"t": "read"}
    assert answer.text == "so"


def test_an_answer_of_responses():
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 900},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    answer = read_answer(
        stream(
            {"type": "response.created", "response": {"model": "gpt", "status": "in_progress"}},
            {"type": "response.output_text.delta", "delta": "so"},
            {
                "type": "response.output_item.done",
                "item": {"type": "function_call", "call_id": "c", "name": "read"},
            },
            {"type": "response.completed", "response": {"status": "completed", "usage": usage}},
        )
    )
    call = answer.record("asked", 0.0, 9.0, None)
    assert (call.input_tokens, call.cached_tokens, call.reasoning_tokens) == (1000, 900, 2)
    assert (call.ttft_s, call.finish_reason, answer.tools) == (2.0, "completed", {"c": "read"})


def test_an_answer_that_was_cut_off_is_one_that_failed():
    call = read_answer(stream({"choices": [{"delta": {"content": "a"}}]})).record("m", 0, 2, None)
    assert call.error.kind == "cut_off"
    assert call.ttft_s == 1.0


def test_a_mark_of_where_to_cache_changes_no_block():
    plain = {"messages": [{"role": "user", "content": "a"}]}
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    marked = {"messages": [{"role": "user", "content": [part]}]}
    assert prompt_of(plain, b"k").blocks == prompt_of(marked, b"k").blocks
    assert prompt_of(plain, b"k").blocks != prompt_of(plain, b"l").blocks
    assert prompt_of(["x"], b"k").blocks == ()


AGENT = """
import openai
client = openai.OpenAI(api_key="sk-planted-0123456789")
for n in range({calls}):
    messages = [{{"role": "user", "content": "a"}}]
    client.chat.completions.create(model="fast", max_tokens=3, messages=messages)
    print("ended", n, flush=True)
"""


@pytest.fixture
def server():
    running = ServerProcess({"fast": FAST})
    yield running
    running.stop()


def command(server, out, calls):
    agent = [sys.executable, "-c", AGENT.format(calls=calls)]
    return ["record", "--upstream", server.base_url, "--out", str(out), "--", *agent]


@pytest.mark.slow
def test_a_program_is_recorded(tmp_path, capfd, server):
    out = tmp_path / "run.jsonl"
    with pytest.raises(SystemExit) as ended:
        main(command(server, out, 2))
    assert ended.value.code == 0
    assert "2 calls; see python -m labtools trace" in capfd.readouterr().out
    assert [call.output_tokens for call in read_trace(out).calls] == [3, 3]
    assert KEY not in out.read_text()
    assert FORMAT in out.read_text()


@pytest.mark.slow
def test_a_recording_that_is_killed_holds_what_had_ended(tmp_path, server):
    out = tmp_path / "run.jsonl"
    recording = [sys.executable, "-m", "labtools", *command(server, out, 100)]
    with subprocess.Popen(
        recording, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while "ended 3" not in process.stdout.readline():
            pass
        os.killpg(process.pid, signal.SIGKILL)
    # The last may have been on its way to the file: whoever asked knew it a moment earlier.
    assert len(read_trace(out).calls) >= 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--upstream", "ftp://x"], "takes an http:// or https:// URL"),
        (["--out", "{tmp}"], "exists already"),
        (["--out", "{tmp}/run.jsonl", "--", "no-such-program"], "Cannot run no-such-program"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(tmp_path, arguments, said):
    with pytest.raises(SystemExit, match=said):
        main(["record", *(each.format(tmp=tmp_path) for each in arguments)])
