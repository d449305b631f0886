"""One call, measured, on streams that are awkward and legal, and on those that fail."""

import asyncio
import json

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessage

from labtools.lab.stopwatch import timed_call
from labtools.mock.app import create_app
from labtools.mock.faults import Fault, FaultPlan
from labtools.model.profile import LatencyProfile
from labtools.records import CallRecord, ToolCall
from labtools.transport.in_process import InProcessTransport

HELLO = [{"role": "user", "content": "hello"}]
PROFILE = LatencyProfile("p", 200, overhead_s=0.15)
STREAM = [(b"content-type", b"text/event-stream")]


def chunk(delta=None, finish_reason=None, choices=True, **rest):
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish_reason}
    fields = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return {**fields, "choices": [choice] if choices else [], **rest}


def data(value):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def token(text):
    return data(chunk({"content": text}))


def usage(output_tokens, input_tokens=10, **details):
    counted = {"prompt_tokens": input_tokens, "completion_tokens": output_tokens, **details}
    return data(chunk(choices=False, usage={**counted, "total_tokens": 0}))


ROLE = data(chunk({"role": "assistant", "content": ""}))
STOP = data(chunk({}, "stop"))
DONE = data(b"[DONE]")


def scripted(*parts, status=200, headers=STREAM, end=True):
    """An endpoint that answers with these parts, each (seconds before it, bytes)."""

    async def app(scope, receive, send):
        if scope["method"] == "GET":
            parts_now = [(0, b'{"data": []}')]
            status_now, headers_now = 200, [(b"content-type", b"application/json")]
        else:
            parts_now, status_now, headers_now = parts, status, headers
        await send({"type": "http.response.start", "status": status_now, "headers": headers_now})
        for wait_s, part in parts_now:
            await asyncio.sleep(wait_s)
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if end:
            await send({"type": "http.response.body", "body": b""})

    return app


def measure(sim, app, client=None, **request):
    client = client or sim.client(app)
    return sim.run(timed_call(client, **{"model": "m", "messages": HELLO, **request}))


def tokens(count, first_s=0.15, step_s=0.005, text="word"):
    return [(first_s, token(text)), *[(step_s, token(text))] * (count - 1)]


# the figures


def test_a_plain_stream(sim):
    record = measure(sim, scripted((0, ROLE), *tokens(100), (0.005, STOP), (0, usage(100) + DONE)))
    assert record.error is None
    assert record.ttft_s == record.ttfo_s == 0.15
    assert record.itl_s == (0.005,) * 99
    assert record.tpot_s == 0.005
    assert record.e2e_latency_s == 0.65
    assert record.decode_s == 0.5
    assert (record.input_tokens, record.output_tokens, record.cached_tokens) == (10, 100, None)
    assert record.finish_reason == "stop"
    assert record.content == "word" * 100


def test_the_mocks_call_reads_what_the_formula_says(sim):
    client = sim.mock(PROFILE)
    extra = {"mock": {"output_tokens": 100}}
    record = measure(sim, None, client, model="p", extra_body=extra)
    assert record.ttft_s == PROFILE.ttft_s()
    assert record.e2e_latency_s == 0.65 == pytest.approx(PROFILE.e2e_latency_s(100))
    assert record.tpot_s == pytest.approx(1 / 200, abs=1e-12)
    assert record.output_tokens == 100
    assert record.cached_tokens == 0


def test_a_client_that_does_not_stamp_is_timed_by_its_reader(sim):
    app = scripted(*tokens(5), (0.005, STOP + DONE))
    plain = openai.AsyncOpenAI(
        base_url="http://mock/v1",
        api_key="any",
        http_client=httpx2.AsyncClient(
            transport=InProcessTransport(app, sim.loop), trust_env=False
        ),
    )

    async def warm_up():
        with sim.loop.standing_still():
            await plain.models.list()

    sim.run(warm_up())
    record = measure(sim, app, plain)
    assert record.ttft_s == 0.15
    assert record.e2e_latency_s == 0.175


def test_a_reader_that_is_busy_does_not_make_the_stream_late(sim):
    app = scripted(*tokens(20), (0.005, STOP + DONE))
    client = sim.client(app)

    async def many():
        calls = [timed_call(client, model="m", messages=HELLO) for _ in range(30)]
        return await asyncio.gather(*calls)

    assert {record.e2e_latency_s for record in sim.run(many())} == {0.25}


# the traps


def test_a_role_is_not_a_token(sim):
    record = measure(sim, scripted((0.02, ROLE), *tokens(3, first_s=0.13), (0.005, STOP + DONE)))
    assert record.ttft_s == 0.15


@pytest.mark.parametrize("ping", [b": ping\n\n", b":\n\n", b"event: ping\n\n", b"\n"])
def test_a_ping_is_not_a_token_and_does_not_end_the_stream(sim, ping):
    parts = [
        (0.1, ping),
        *tokens(3, first_s=0.05),
        (0.1, ping),
        (0.0, STOP),
        (0.1, ping),
        (0, DONE),
    ]
    record = measure(sim, scripted(*parts))
    assert record.error is None
    assert record.ttft_s == 0.15
    assert len(record.chunks_at) == 3


@pytest.mark.parametrize(("first", "n"), [("four ", 97), ("four four four four ", 100)])
def test_several_tokens_a_chunk_are_counted_by_usage_and_the_share_of_the_text(sim, first, n):
    parts = [(0.15, token(first)), *((0.02, token("four four four four ")) for _ in range(24))]
    record = measure(sim, scripted(*parts, (0.005, STOP), (0, usage(n) + DONE)))
    assert len(record.chunks_at) == 25
    assert record.tpot_s == pytest.approx(24 * 0.02 / 96, abs=1e-12)


def test_hidden_reasoning_is_not_counted_among_the_streamed_tokens(sim):
    spent = {"completion_tokens_details": {"reasoning_tokens": 50}}
    record = measure(sim, scripted(*tokens(50), (0.005, STOP), (0, usage(100, **spent) + DONE)))
    assert record.streamed_tokens == 50
    assert record.tpot_s == 0.005


def test_a_usage_that_comes_late_makes_the_call_longer_and_not_its_tokens(sim):
    parts = [*tokens(100), (0.005, STOP), (0.1, usage(100)), (0, DONE)]
    record = measure(sim, scripted(*parts))
    assert record.tpot_s == 0.005
    assert record.e2e_latency_s == 0.75
    assert max(record.itl_s) == 0.005


def test_reasoning_is_the_first_token_and_not_the_first_output(sim):
    thoughts = [
        (0.15 if not i else 0.005, data(chunk({"reasoning_content": "hm"}))) for i in range(20)
    ]
    record = measure(
        sim, scripted(*thoughts, *tokens(80, first_s=0.005), (0.005, STOP), (0, usage(100) + DONE))
    )
    assert record.ttft_s == 0.15
    assert record.ttfo_s == 0.25
    assert record.tpot_s == 0.005
    assert record.reasoning == "hm" * 20


def test_a_stream_of_tool_calls_only_is_timed_as_well(sim):
    opening = {"index": 0, "id": "call_1", "type": "function"}
    parts = [
        (0, ROLE),
        (
            0.15,
            data(chunk({"tool_calls": [{**opening, "function": {"name": "f", "arguments": ""}}]})),
        ),
        (0.01, data(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}))),
        (0.01, data(chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}))),
        (0.01, data(chunk({}, "tool_calls")) + usage(3) + DONE),
    ]
    record = measure(sim, scripted(*parts))
    assert record.ttft_s == record.ttfo_s == 0.15
    assert record.itl_s == (0.01, 0.01)
    assert record.tpot_s == 0.01
    assert record.tool_calls == (ToolCall("call_1", "f", '{"a": 1}'),)
    assert record.finish_reason == "tool_calls"


def test_segments_cut_anywhere_count_when_their_last_byte_came(sim):
    whole = token("word")
    parts = [(0.1, whole[:10]), (0.05, whole[10:]), (0.005, STOP + DONE)]
    assert measure(sim, scripted(*parts)).ttft_s == 0.15


def test_a_stream_without_usage_has_no_counts(sim):
    record = measure(sim, scripted(*tokens(5), (0.005, STOP), (0, DONE)))
    assert record.error is None
    assert record.output_tokens is record.input_tokens is record.tpot_s is None
    assert record.itl_s == (0.005,) * 4


def test_usage_in_every_chunk_counts_once(sim):
    parts = [
        (0.1, data(chunk({"content": "a"}, usage={"prompt_tokens": 5, "completion_tokens": n})))
        for n in (1, 2, 3)
    ]
    record = measure(sim, scripted(*parts, (0, STOP + DONE)))
    assert record.output_tokens == 3


def test_an_empty_answer_has_no_first_token(sim):
    record = measure(sim, scripted((0.1, ROLE), (0.1, STOP + usage(0) + DONE)))
    assert record.error is None
    assert record.ttft_s is record.tpot_s is record.decode_s is None
    assert record.e2e_latency_s == 0.2


# failures


def test_a_stream_that_is_cut_keeps_what_came(sim):
    record = measure(sim, scripted(*tokens(3), end=False))
    assert record.error.kind == "cut_off"
    assert record.content == "word" * 3
    assert record.ttft_s == 0.15
    assert record.ended_at - record.sent_at == pytest.approx(0.16)
    assert record.e2e_latency_s is None


def test_a_body_that_ends_too_early_is_cut_off_too(sim):
    record = measure(sim, scripted(*tokens(3)))
    assert record.error.kind == "cut_off"
    assert record.content == "word" * 3


@pytest.mark.parametrize(("last", "kind"), [(STOP, "cut_off"), (STOP + DONE, None)])
def test_a_connection_that_breaks_after_the_last_event_is_no_failure(sim, last, kind):
    record = measure(sim, scripted(*tokens(3), (0.005, last), end=False))
    assert record.content == "word" * 3
    assert record.finish_reason == "stop"
    assert (record.error and record.error.kind) == kind
    assert record.e2e_latency_s == (None if kind else 0.165)


def test_html_where_a_stream_was_promised(sim):
    page = b"<html><body>Welcome to nginx</body></html>"
    record = measure(sim, scripted((0.1, page), headers=[(b"content-type", b"text/html")]))
    assert record.error.kind == "protocol"
    assert "Welcome to nginx" in record.error.message
    assert record.ttft_s is None


def test_a_whole_answer_where_a_stream_was_asked_for(sim):
    whole = json.dumps({"object": "chat.completion", "choices": []}).encode()
    record = measure(sim, scripted((0.1, whole), headers=[(b"content-type", b"application/json")]))
    assert record.error.kind == "protocol"


def test_an_html_error_page(sim):
    page = b"<html><body>502 Bad Gateway</body></html>"
    html = [(b"content-type", b"text/html")]
    record = measure(sim, scripted((0.1, page), status=502, headers=html))
    assert (record.error.kind, record.error.status) == ("status", 502)
    assert "502" in record.error.message


@pytest.mark.parametrize("content", [b"", b"[]", b'"no"', b'{"error": "no"}', b'{"detail": [1]}'])
def test_error_bodies_of_any_form(sim, content):
    record = measure(sim, scripted((0, content), status=400, headers=[]))
    assert (record.error.kind, record.error.status) == ("status", 400)
    assert record.error.message


def test_a_rate_limit_says_when_to_try_again(sim):
    client = sim.mock(PROFILE, faults=FaultPlan(script={1: Fault("429", 2.5)}))
    record = measure(sim, None, client, model="p")
    assert (record.error.kind, record.error.status) == ("status", 429)
    assert record.error.retry_after_s == 2.5
    assert "Rate limit" in record.error.message


@pytest.mark.parametrize("value", [b"soon", b"", b"Wed, 21 Octember", b"nan", b"inf", b"-5"])
def test_a_retry_after_that_is_no_number_of_seconds_is_none(sim, value):
    record = measure(sim, scripted(status=429, headers=[(b"retry-after", value)]))
    assert record.error.status == 429
    assert record.error.retry_after_s is None


def test_a_timeout_before_the_first_byte_and_in_the_middle(sim):
    def stalled(*parts):
        return scripted(*parts, (1000, token("late")), (0, STOP + DONE))

    client = sim.client(stalled()).with_options(timeout=5)
    record = measure(sim, None, client)
    assert record.error.kind == "timeout"
    client = sim.client(stalled(*tokens(3))).with_options(timeout=5)
    record = measure(sim, None, client)
    assert record.error.kind == "timeout"
    assert record.content == "word" * 3


def test_an_endpoint_that_hangs_up_at_once(sim):
    async def hang_up(scope, receive, send):
        pass

    record = measure(sim, hang_up)
    assert record.error.kind == "connection"
    assert "closed the connection" in record.error.message


def test_a_compressed_body_that_nobody_asked_for(sim):
    headers = [*STREAM, (b"content-encoding", b"gzip")]
    record = measure(sim, scripted((0.1, b"\x1f\x8bnot gzip"), headers=headers))
    assert record.error.kind == "protocol"


def test_an_error_in_mid_stream(sim):
    broken = data({"error": {"message": "out of memory", "type": "server_error"}})
    record = measure(sim, scripted(*tokens(3), (0.1, broken), (0, DONE)))
    assert str(record.error) == "protocol: out of memory"
    assert record.content == "word" * 3


def test_a_request_that_the_client_refuses_raises(sim):
    client = sim.mock(PROFILE)
    with pytest.raises(TypeError, match="no_such_argument"):
        measure(sim, None, client, no_such_argument=1)
    with pytest.raises(TypeError, match="messages"):
        sim.run(timed_call(client, model="p"))


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": HELLO},
        {"messages": [{"role": "system", "content": "\u00e9"}, *HELLO], "max_tokens": 5, "seed": 1},
        {"messages": HELLO, "extra_body": {"mock": {"output_tokens": 3}, "top_k": 1}},
        {"messages": HELLO, "extra_body": {"messages": []}},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]},
        {"messages": [ChatCompletionMessage(role="assistant", content="hello"), *HELLO]},
        {"messages": ()},
    ],
    ids=str,
)
def test_the_bytes_that_go_out_are_the_sdks_own(sim, request_):
    sent = []

    async def app(scope, receive, send):
        sent.append((await receive())["body"])
        await scripted(*tokens(2), (0, STOP), (0, DONE))(scope, receive, send)

    client = sim.client(app)
    measure(sim, app, client, **request_)
    asked = {"model": "m", "stream": True, "stream_options": {"include_usage": True}, **request_}
    sim.run(client.chat.completions.create(**asked))
    *_, ours, theirs = sent
    assert ours == theirs


def test_a_cancelled_call_is_cancelled(sim):
    client = sim.mock(PROFILE)

    async def cancel():
        call = asyncio.create_task(timed_call(client, model="p", messages=HELLO))
        await asyncio.sleep(0.2)
        call.cancel()
        await asyncio.wait({call})
        return call.cancelled()

    assert sim.run(cancel())


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
def test_stream_options_are_the_callers(sim, options):
    client = sim.mock(PROFILE)
    record = measure(sim, None, client, model="p", stream_options=options)
    assert (record.output_tokens is None) == (options in (None, {"include_usage": False}))


# the key


KEY = "sk-very-secret-0123456789"


def echoing(status):
    """An endpoint that repeats the key that it was sent."""
    said = json.dumps({"error": {"message": f"Incorrect key: {KEY}."}}).encode()

    async def app(scope, receive, send):
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data(said) if status == 200 else said})

    return app


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_key_that_the_endpoint_repeats_is_not_in_the_record(sim, status):
    client = sim.client(echoing(status), api_key=KEY)
    record = measure(sim, None, client)
    assert "Incorrect key" in record.error.message
    assert KEY not in repr(record) + json.dumps(record.as_dict()) + str(record.error)


def test_a_key_that_no_header_can_hold_is_not_in_the_record(sim):
    class Refusing(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            value = request.headers["authorization"]
            raise httpx2.LocalProtocolError(f"Illegal header value {value!r}")

    client = openai.AsyncOpenAI(
        base_url="http://mock/v1",
        api_key=KEY,
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=Refusing(), trust_env=False),
    )
    record = measure(sim, create_app({"p": PROFILE}), client)
    assert "Illegal header value" in record.error.message
    assert KEY not in repr(record)


def test_a_word_that_is_no_secret_stays_as_it_is(sim):
    app = scripted((0, b'{"error": {"message": "none of any"}}'), status=400, headers=[])
    record = measure(sim, app, sim.client(app, api_key="any"))
    assert record.error.message == "none of any"


def test_a_record_is_what_comes_back(sim):
    assert isinstance(measure(sim, scripted()), CallRecord)
