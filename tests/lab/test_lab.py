"""The one object a notebook holds: exact in `sim`, usable after anything, silent about its key."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from contextlib import contextmanager

import openai
import pytest
import uvicorn

from labtools import Budget, LatencyProfile, clock, connect, progress
from labtools.errors import (
    BudgetExceeded,
    ClockError,
    ConfigurationError,
    Deadlock,
    EndpointUnreachable,
)
from labtools.mock.app import create_app
from labtools.mock.faults import Fault, FaultPlan

INSTANT = LatencyProfile("instant", decode_tokens_per_s=100_000)
KEY = "sk-very-secret-0123456789"


@pytest.fixture
def lab():
    with connect(profile="fast") as lab:
        yield lab


def agent_of(lab, calls=20, output_tokens=100):
    async def agent():
        for _ in range(calls):
            await lab.call("tool_call", output_tokens=output_tokens)

    return agent()


@contextmanager
def served(app):
    """An application over HTTP in this process; its base URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def guarded():
    """The base URL of a mock that asks for a key."""
    with served(create_app({"instant": INSTANT}, api_key=KEY)) as base_url:
        yield base_url


# the essay's agent


@pytest.mark.parametrize(("profile", "seconds"), [("fast", 13.0), ("slow", 20 * (0.6 + 100 / 60))])
def test_twenty_calls_take_what_the_essay_says(profile, seconds):
    with connect(profile=profile) as lab:
        trace = lab.run(agent_of(lab))
        # Each call ends on a whole nanosecond.
        assert trace.duration_s == pytest.approx(seconds, abs=20e-9, rel=0)
        assert round(trace.duration_s, 2) == {"fast": 13.00, "slow": 45.33}[profile]
        assert trace.inference_s == trace.duration_s
        assert len(trace.calls) == 20
        for record in trace.calls:
            assert record.error is None
            assert (record.input_tokens, record.output_tokens) == (1000, 100)
            assert record.finish_reason == "stop"
            assert record.ttft_s == {"fast": 0.15, "slow": 0.6}[profile]


def test_every_digit_repeats():
    def digits():
        profile = LatencyProfile("p", 80, overhead_s=0.3, jitter_sigma=0.5, tail_probability=0.1)
        with connect(profile=profile, seed=3) as lab:
            return [record.chunks_at for record in lab.run(agent_of(lab)).calls]

    assert digits() == digits()


def test_simulated_seconds_pass_quickly(lab):
    before = time.perf_counter()
    trace = lab.run(agent_of(lab))
    assert time.perf_counter() - before < trace.duration_s / 2


def test_calls_side_by_side_overlap(lab):
    async def together():
        await asyncio.gather(*(lab.call(output_tokens=100) for _ in range(8)))

    trace = lab.run(together())
    assert trace.duration_s == trace.inference_s == 0.65
    assert [record.e2e_latency_s for record in trace.calls] == [0.65] * 8


def test_tools_and_groups_are_steps_too(lab):
    async def agent():
        await lab.call("plan", output_tokens=100)
        with lab.group("reads"):
            await asyncio.gather(lab.tool("read a", 0.8), lab.tool("read b", 0.5))

    trace = lab.run(agent())
    by_name = {span.name: span for span in trace.spans}
    assert by_name["read a"].parent_id == by_name["read b"].parent_id == by_name["reads"].id
    assert trace.tool_s == 0.8
    assert trace.duration_s == 1.45


def test_real_work_is_charged_what_it_is_modelled_to_take(lab):
    async def agent():
        return await lab.work("test", lambda: time.sleep(0.02) or "passed", modelled_s=3.0)

    trace = lab.run(agent())
    assert trace.result == "passed"
    assert trace.tool_s == trace.duration_s == 3.0


def test_work_that_raises_is_a_step_with_an_error(lab):
    async def agent():
        await lab.work("divide", lambda: 1 / 0, modelled_s=3.0)

    with pytest.raises(ZeroDivisionError):
        lab.run(agent())
    assert lab.last_trace.spans[0].error == "ZeroDivisionError: division by zero"


def test_the_plain_client_runs_on_the_same_clock(lab):
    async def by_hand():
        started_at = asyncio.get_running_loop().time()
        await lab.client.chat.completions.create(
            model="fast",
            messages=[{"role": "user", "content": "hello"}],
            extra_body={"mock": {"output_tokens": 20}},
        )
        return asyncio.get_running_loop().time() - started_at

    assert lab.run(by_hand()).result == pytest.approx(0.1 + 4 / 20_000 + 20 / 200, abs=1e-8)


def test_the_first_call_is_as_fast_as_the_second(lab):
    first, second = lab.run(agent_of(lab, calls=2)).calls
    assert first.e2e_latency_s == second.e2e_latency_s


def test_what_call_is_given_goes_to_the_endpoint(lab):
    async def agent():
        long = await lab.call(input_tokens=2000, output_tokens=5)
        told = await lab.call(
            messages=[{"role": "user", "content": "hi"}], extra_body={"mock": {"content": "hello"}}
        )
        cut = await lab.call(max_tokens=7)
        return long, told, cut

    long, told, cut = lab.run(agent()).result
    assert (long.input_tokens, long.output_tokens, long.ttft_s) == (2000, 5, 0.2)
    assert told.content == "hello"
    assert (cut.output_tokens, cut.finish_reason) == (7, "length")


def test_a_call_that_fails_is_a_record_and_the_rest_of_the_run_is_kept():
    plan = FaultPlan(script={2: Fault("503"), 3: Fault("cut")})
    with connect(profile="fast", faults=plan) as lab:
        trace = lab.run(agent_of(lab, calls=4))
    kinds = [record.error and record.error.kind for record in trace.calls]
    assert kinds == [None, "status", "cut_off", None]
    assert [bool(span.error) for span in trace.spans] == [False, True, True, False]


# usable after anything


def still_works(lab):
    return lab.run(agent_of(lab, calls=1)).duration_s == 0.65


def test_a_coroutine_that_raises(lab):
    async def fails():
        await lab.call("first", output_tokens=100)
        raise RuntimeError("by the agent")

    with pytest.raises(RuntimeError, match="by the agent"):
        lab.run(fails())
    assert [span.name for span in lab.last_trace.spans] == ["first"]
    assert lab.last_trace.result is None
    assert still_works(lab)


def test_a_coroutine_that_hangs(lab, monkeypatch):
    monkeypatch.setattr(clock, "THREAD_GRACE_S", 0.01)

    async def hangs():
        await lab.call("first", output_tokens=100)
        with lab.group("waiting"):
            await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="nothing is ready to run"):
        lab.run(hangs())
    assert [span.name for span in lab.last_trace.spans] == ["first", "waiting"]
    assert lab.last_trace.spans[1].error == "CancelledError"
    assert still_works(lab)


def test_a_coroutine_that_is_cancelled(lab):
    async def cancelled():
        asyncio.current_task().cancel()
        await lab.call("never", output_tokens=100)

    with pytest.raises(asyncio.CancelledError):
        lab.run(cancelled())
    assert still_works(lab)


def test_calls_that_are_left_behind_are_cancelled(lab):
    async def forgetful():
        lab.left = asyncio.create_task(lab.call("left", output_tokens=1000))
        await asyncio.sleep(0.5)

    trace = lab.run(forgetful())
    assert trace.duration_s == 0.5
    assert lab.left.cancelled()
    assert [(span.name, span.error) for span in trace.spans] == [("left", "CancelledError")]
    assert still_works(lab)


def test_a_timeout_around_a_call(lab):
    async def impatient():
        try:
            async with asyncio.timeout(0.3):
                await lab.call("slow", output_tokens=100)
        except TimeoutError:
            return "gave up"

    trace = lab.run(impatient())
    assert (trace.result, trace.duration_s) == ("gave up", 0.3)
    assert still_works(lab)


def test_each_run_has_a_trace_of_its_own(lab):
    assert len(lab.run(agent_of(lab, calls=2)).calls) == 2
    assert len(lab.run(agent_of(lab, calls=3)).calls) == 3
    assert len(lab.last_trace.calls) == 3


# where it can be called from


def test_from_a_notebook_whose_loop_is_running(lab):
    async def cell():
        return lab.run(agent_of(lab, calls=1))

    assert asyncio.run(cell()).duration_s == 0.65


def test_from_another_thread(lab):
    traces = []
    thread = threading.Thread(target=lambda: traces.append(lab.run(agent_of(lab, calls=1))))
    thread.start()
    thread.join()
    assert traces[0].duration_s == 0.65


def test_a_run_inside_a_run_is_refused_and_the_outer_one_is_measured(lab):
    async def nested():
        with pytest.raises(ClockError, match=r"use `await`, not `lab\.run"):
            lab.run(agent_of(lab, calls=1))
        await lab.call("outer", output_tokens=100)

    trace = lab.run(nested())
    assert [span.name for span in trace.spans] == ["outer"]
    assert trace.duration_s == 0.65


def test_two_labs_do_not_share_a_clock(lab):
    with connect(profile="slow") as other:

        async def across():
            await other.call("elsewhere")

        with pytest.raises(ClockError, match="clock of its own"):
            lab.run(across())
        other.run(agent_of(other, calls=1))
        assert still_works(lab)


@pytest.mark.parametrize(
    "use",
    [
        lambda lab: lab.call("x"),
        lambda lab: lab.tool("x", 1),
        lambda lab: lab.work("x", print),
        lambda lab: lab.client.models.list(),
    ],
)
def test_outside_a_run_everything_says_where_it_belongs(lab, use):
    async def elsewhere():
        await use(lab)

    with pytest.raises((ClockError, openai.APIConnectionError)) as caught:
        asyncio.run(elsewhere())
    assert "lab.run(...)" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ClockError, match=r"lab\.run"), lab.group("x"):
        pass


@pytest.mark.parametrize("wrong", [agent_of, None, [1], "agent"])
def test_run_takes_a_coroutine(lab, wrong):
    with pytest.raises(ConfigurationError, match=r"lab\.run\(agent\(\)\), not lab\.run\(agent\)"):
        lab.run(wrong)


def test_a_closed_lab_says_so():
    lab = connect()
    lab.close()
    lab.close()
    with pytest.raises(ClockError, match=r"closed.*connect\("):
        lab.run(agent_of(lab))


# names


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"profile": "warp"}, ["Unknown profile: 'warp'", "fast", "slow"]),
        ({"profile": {}}, ["profile must be", "{}"]),
        ({"profile": 5}, ["profile must be", "5"]),
        ({"profile": {"a": "warp"}}, ["Unknown profile: 'warp'", "fast"]),
        ({"endpoint": "simulator"}, ["Unknown endpoint: 'simulator'", "sim", "mock", "https://"]),
        ({"endpoint": "ftp://there/v1"}, ["Unknown endpoint"]),
        ({"model": "gpt-9"}, ["Unknown model: 'gpt-9'", "fast"]),
        ({"model": {"default": "gpt-9"}}, ["Unknown model: 'gpt-9'"]),
        ({"model": {}}, ["model must be"]),
        ({"model": ""}, ["model must be", "''"]),
        ({"model": {"plan": None}}, ["model must be"]),
        ({"endpoint": "http://localhost:1/v1"}, ["Which model", "model=NAME", "LABTOOLS_MODEL"]),
        ({"endpoint": "http://[::1/v1", "model": "m"}, ["http://[::1/v1"]),
        (
            {"endpoint": "http://localhost:1/v1", "model": "m", "faults": FaultPlan()},
            ['Faults are for the endpoint "sim"'],
        ),
        ({"endpoint": "mock", "faults": FaultPlan()}, ['Faults are for the endpoint "sim"']),
    ],
)
def test_what_connect_cannot_use_is_named_with_what_it_can(arguments, said):
    with pytest.raises(ConfigurationError) as caught:
        connect(**arguments)
    for part in said:
        assert part in str(caught.value)


def test_an_unknown_step_names_the_known_ones():
    profiles = {"small": "fast", "large": "slow"}
    with connect(profile=profiles, model={"plan": "large", "edit": "small"}) as lab:

        async def agent():
            return [(await lab.call(step, output_tokens=1)).model for step in ("plan", "edit")]

        assert lab.run(agent()).result == ["large", "small"]
        with pytest.raises(ConfigurationError, match=r"step: 'test'.*edit, plan"):
            lab.run(lab.call("test"))


def test_a_mapping_may_have_a_default():
    with connect(profile={"a": "fast", "b": "slow"}, model={"plan": "b", "default": "a"}) as lab:
        assert [lab.model_for(step) for step in ("plan", "anything")] == ["b", "a"]


def test_the_environment_chooses_where_connect_does_not(monkeypatch, guarded):
    monkeypatch.setenv("LABTOOLS_ENDPOINT", guarded)
    monkeypatch.setenv("LABTOOLS_MODEL", "instant")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with connect() as lab:
        assert lab.mode == "url"
        record = lab.run(lab.call("one", output_tokens=5)).result
        assert record.error is None
        assert (record.output_tokens, record.finish_reason) == (5, "length")
    with connect("sim") as lab:
        assert lab.mode == "sim"


# endpoints of others


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_an_address_where_nobody_answers(host):
    url = f"http://{host}:{unused_port()}/v1"
    with pytest.raises(EndpointUnreachable, match="Nobody answers at") as caught:
        connect(url, model="m", api_key=KEY)
    assert url in str(caught.value)
    assert "usually ends in /v1" in str(caught.value)
    assert KEY not in everything_about(caught.value)


def everything_about(error):
    """All that a notebook shows of an error, and what hangs on it."""
    text = "".join(traceback.format_exception(error)) + repr(error)
    while error is not None:
        text += str(error) + repr(error.args)
        error = error.__cause__
    return text


@pytest.mark.parametrize("key", [None, "sk-wrong-secret-0123456789"])
def test_a_wrong_key_says_where_the_right_one_goes(guarded, key):
    with pytest.raises(ConfigurationError, match=r"refused the key.*OPENAI_API_KEY") as caught:
        connect(guarded, model="instant", api_key=key)
    assert "sk-wrong" not in everything_about(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\nX: y", f"{KEY}é", f"{KEY}\0", f"{KEY} {KEY}"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(guarded, key):
    with pytest.raises(ConfigurationError, match="API key") as caught:
        connect(guarded, model="instant", api_key=key)
    assert KEY not in everything_about(caught.value)


def test_blanks_around_a_key_are_not_part_of_it(guarded):
    with connect(guarded, model="instant", api_key=f" {KEY}\n") as lab:
        assert lab.run(lab.call("one", output_tokens=1)).result.error is None


def test_the_key_is_nowhere_to_be_seen(guarded, tmp_path, capsys):
    with connect(guarded, model="instant", api_key=KEY) as lab:

        async def agent():
            await lab.call("good", output_tokens=3)
            await lab.call("bad", model="unknown")
            with lab.group("fails"):
                raise RuntimeError(f"somebody printed {KEY}")

        with pytest.raises(RuntimeError):
            lab.run(agent())
        trace = lab.last_trace
        print(lab, repr(lab), repr(trace), trace.table())
        shown = capsys.readouterr().out
        shown += trace.save(tmp_path / "trace.json").read_text()
        shown += trace.save_chrome_trace(tmp_path / "chrome.json").read_text()
        shown += json.dumps([record.as_dict() for record in trace.calls])
        shown += repr(lab.meter) + repr(lab.client)
    assert "[key]" in shown
    assert KEY not in shown


def test_credentials_in_the_address_are_not_shown():
    with served(create_app({"instant": INSTANT})) as base_url:
        url = base_url.replace("http://", f"http://user:{KEY}@") + f"?key={KEY}"
        with pytest.raises(
            ConfigurationError, match="a request has room for one of them"
        ) as caught:
            connect(url, model="instant", api_key="sk-another-0123456789")
        assert KEY not in everything_about(caught.value)
        with connect(url, model="instant", api_key="") as lab:
            assert "127.0.0.1" in repr(lab)
            assert KEY not in repr(lab)
            assert KEY not in lab.run(lab.call("one", output_tokens=1)).endpoint
    with pytest.raises(EndpointUnreachable) as caught:
        connect(f"http://user:{KEY}@127.0.0.1:{unused_port()}/v1", model="m", api_key="")
    assert KEY not in everything_about(caught.value)


async def a_web_page(scope, receive, send):
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"<html>Welcome</html>"})


async def without_a_models_list(scope, receive, send):
    if scope["path"].endswith("/models"):
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})
    else:
        await create_app({"instant": INSTANT})(scope, receive, send)


def test_an_address_that_serves_web_pages_is_found_out():
    with served(a_web_page) as url, connect(url, model="m") as lab:
        record = lab.run(lab.call("one")).result
        assert record.error.kind == "protocol"
        assert "Welcome" in record.error.message


def test_an_endpoint_need_not_list_its_models():
    with served(without_a_models_list) as url, connect(url, model="instant") as lab:
        assert lab.run(lab.call("one", output_tokens=1)).result.error is None


def test_a_url_has_a_budget_that_stops_the_run(guarded):
    with connect(guarded, model="instant", api_key=KEY, budget=Budget(requests=2)) as lab:
        with pytest.raises(BudgetExceeded, match="2 requests"):
            lab.run(agent_of(lab, calls=5, output_tokens=3))
        assert len(lab.last_trace.calls) == 2
        assert lab.meter.requests == 2
    with connect(guarded, model="instant", api_key=KEY) as lab:
        assert lab.meter.budget == Budget()


def test_the_limit_of_a_real_endpoint_has_the_name_it_knows(guarded):
    with connect(guarded, model="instant", api_key=KEY) as lab:
        assert lab._with_length({}, 5) == {"max_tokens": 5}


def test_on_the_wall_clock_a_log_gets_whole_lines(guarded, monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY_S", {False: 0.0})
    with connect(guarded, model="instant", api_key=KEY) as lab:
        lab.run(agent_of(lab, calls=2, output_tokens=3))
    assert capsys.readouterr().err == "1 steps, 0 s\n2 steps, 0 s\n"


# Ctrl-C

INTERRUPTED = """
import asyncio, sys, time
from labtools import connect

lab = connect({endpoint!r}, profile="slow")

async def long():
    print("running", flush=True)
    for _ in range(20):
        await lab.call("long", output_tokens=100)

began_at = time.monotonic()
try:
    lab.run(long())
except KeyboardInterrupt:
    print("interrupted after", time.monotonic() - began_at, flush=True)
record = lab.run(lab.call("again", output_tokens=1)).result
print("again:", record.error, flush=True)
began_at = time.monotonic()
lab.close()
print("closed after", time.monotonic() - began_at, flush=True)
"""


@pytest.mark.slow
def test_ctrl_c_on_the_wall_clock_stops_at_once_and_leaves_the_lab_usable():
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(endpoint="mock")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "running\n"
        time.sleep(0.5)
        # As a terminal and a notebook server do it: to the whole group of processes.
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    lines = out.splitlines()
    assert lines[0].startswith("interrupted after "), (out, err)
    assert float(lines[0].split()[-1]) < 5
    assert lines[1] == "again: None"
    assert float(lines[2].split()[-1]) < 5
    assert "Traceback" not in err


def test_ctrl_c_in_the_simulation_stops_it_and_leaves_the_lab_usable(lab):
    async def busy():
        with lab.group("busy"):
            os.kill(os.getpid(), signal.SIGINT)
            while True:  # noqa: ASYNC110 - busy on purpose
                await asyncio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        lab.run(busy())
    assert still_works(lab)
