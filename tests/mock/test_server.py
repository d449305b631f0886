"""The mock over real HTTP, in a process of its own: with the SDK's client and with bare sockets."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

import httpx2
import openai
import pytest

from labtools.errors import ConfigurationError
from labtools.mock.server import ServerProcess, serve
from labtools.model.named_profiles import NAMED
from labtools.model.profile import LatencyProfile

pytestmark = pytest.mark.slow

FAST = NAMED["fast"]
QUICK = LatencyProfile("quick", decode_tokens_per_s=1000, overhead_s=0.01, max_batch=1)
# Long enough for any machine; a test that gets here has failed.
HANGS_S = 120
# The server's loop counts in milliseconds.
EARLY_S = 0.002
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
HELLO = [{"role": "user", "content": "hello"}]
# Serves two requests' worth of cut connections; a script has no option on the command line.
FAULTY = """
from labtools.mock.app import create_app
from labtools.mock.faults import Fault, FaultPlan
from labtools.mock.server import serve
from labtools.model.profile import LatencyProfile
plan = FaultPlan(script={1: Fault("cut"), 2: Fault("cut")})
serve(create_app({"quick": LatencyProfile("quick", 1000)}, faults=plan))
"""


@pytest.fixture(scope="module")
def server():
    running = ServerProcess({"quick": QUICK, "fast": FAST}, seed=1)
    yield running
    running.stop()


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        yield client


@contextlib.contextmanager
def python(*arguments, **options):
    """A process that serves, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )
    try:
        assert process.stdout
        line = process.stdout.readline().decode()
        assert line.startswith("Serving on http://127.0.0.1:"), (line, process.stderr.read())
        yield process, line.split()[2]
    finally:
        process.kill()
        process.communicate()


def connect_to(base_url):
    url = httpx2.URL(base_url)
    return socket.create_connection((url.host, url.port), timeout=HANGS_S)


def post(body, headers=b""):
    return POST + b"Content-Length: %d\r\n%s\r\n%s" % (len(body), headers, body)


def read_until(connection, end):
    received = b""
    while end not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    return received


def request(**fields):
    return json.dumps({"model": "quick", "messages": HELLO, **fields}).encode()


def test_the_sdks_client_over_http(client):
    completion = client.chat.completions.create(model="quick", messages=HELLO)
    assert completion.usage.completion_tokens == 100
    chunks = list(client.chat.completions.create(model="quick", messages=HELLO, stream=True))
    assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) == 100
    assert {model.id for model in client.models.list()} == {"quick", "fast"}
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(model="other", messages=HELLO)


def test_a_stream_takes_its_time_and_comes_token_by_token(client):
    """None is early, and the first hundred are here long before the last is due.

    How late they are is the machine's doing, and the reader's: `test_sim_matches_mock` has that.
    """
    started_at, at = time.monotonic(), []
    request = {"extra_body": {"mock": {"output_tokens": 50_000}}}  # 250 s
    stream = client.chat.completions.create(model="fast", messages=HELLO, stream=True, **request)
    with stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                at.append(time.monotonic() - started_at)
            if len(at) == 100:
                break
    due = [FAST.ttft_s(4) + number / FAST.decode_tokens_per_s for number in range(100)]
    assert [now for now, due_at in zip(at, due, strict=True) if now < due_at - EARLY_S] == []
    assert at[-1] < 50_000 / FAST.decode_tokens_per_s


def test_it_says_created_in_calendar_time(client):
    completion = client.chat.completions.create(model="quick", messages=HELLO, max_tokens=1)
    assert completion.created == pytest.approx(time.time(), abs=60)


def test_a_bare_socket_gets_a_streams_bytes(server):
    with connect_to(server.base_url) as connection:
        connection.sendall(post(request(stream=True, max_tokens=3)))
        received = read_until(connection, b"[DONE]")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"text/event-stream" in head
    assert body.count(b'"content": ') == 4  # the role's empty one, and three tokens


def test_two_requests_over_one_connection(server):
    with connect_to(server.base_url) as connection:
        for _ in range(2):
            connection.sendall(post(request(stream=True, max_tokens=3)))
            received = read_until(connection, b"0\r\n\r\n")
            assert b"[DONE]" in received


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (post(b"{"), b"400"),
        (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"PUT /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"\x16\x03\x01 this is no HTTP\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"4"),
    ],
)
def test_what_is_wrong_is_answered_over_the_wire(server, raw, status):
    with connect_to(server.base_url) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(raw)
        assert read_until(connection, b"\r\n").split(b" ")[1].startswith(status)


def test_a_body_beyond_all_measure_is_refused_before_it_is_all_there(server):
    head = POST + b"Content-Length: 99999999999\r\n\r\n"
    received = b""
    with connect_to(server.base_url) as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(80):
                connection.sendall(b"x" * 2**20)
                if select.select([connection], [], [], 0)[0]:
                    break
        with contextlib.suppress(ConnectionError):
            received = connection.recv(65536)
    assert b" 413 " in received


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Host: localhost", b"200"),
        (b"Host: 127.0.0.1:8001", b"200"),
        (b"Host: [::1]:8001", b"200"),
        (b"Host: localhost\r\nOrigin: http://127.0.0.1:8000", b"200"),
        (b"Host: attacker.example:8001", b"403"),
        (b"Host: localhost.attacker.example", b"403"),
        (b"Host: localhost\r\nOrigin: https://attacker.example", b"403"),
        (b"Host: localhost\r\nOrigin: null", b"403"),
        (b"Host: localhost\r\nHost: attacker.example", b"403"),
        (b"Host: [", b"403"),
    ],
)
def test_it_answers_this_machine_alone(server, headers, status):
    with connect_to(server.base_url) as connection:
        asked = b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n\r\n"
        connection.sendall(asked)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split(b" ")[1] == status
    assert (b"--host" in answer) == (status == b"403")


def test_with_a_host_of_its_own_it_answers_by_any_name():
    with python("-m", "labtools", "serve", "--port", "0", "--host", "0.0.0.0") as (_, base_url):
        answer = httpx2.get(f"{base_url}/models", headers={"Host": "mock.example"})
    assert answer.status_code == 200


def test_a_client_that_goes_away_frees_its_slot_at_once(server, client):
    long = {"mock": {"output_tokens": 131_072}}  # 131 s
    with connect_to(server.base_url) as holding, connect_to(server.base_url) as waiting:
        holding.sendall(post(request(stream=True, **long)))
        read_until(holding, b'"content": "')
        waiting.sendall(post(request(stream=True, **long)))
        time.sleep(0.2)
    # Both are gone: one in mid-stream, one from the queue. The batch holds one sequence.
    client.chat.completions.create(model="quick", messages=HELLO, max_tokens=1, timeout=HANGS_S)


def test_a_cut_connection_is_cut_on_the_wire():
    with python("-c", FAULTY) as (_, base_url):
        with connect_to(base_url) as connection:
            connection.sendall(post(request(stream=True)))
            received = b""
            while part := connection.recv(65536):
                received += part
        assert received.startswith(b"HTTP/1.1 200")
        assert received.count(b'"content": ') == 1 + 50  # the role's empty one, and half of all
        assert b"[DONE]" not in received
        assert not received.endswith(b"0\r\n\r\n")
        with openai.OpenAI(base_url=base_url, api_key="any", max_retries=0) as client:
            with pytest.raises(openai.APIConnectionError):
                client.chat.completions.create(model="quick", messages=HELLO)
            assert client.chat.completions.create(model="quick", messages=HELLO).choices


# starting and stopping


def test_it_ends_when_its_standard_input_closes():
    serve_it = ("-m", "labtools", "serve", "--port", "0", "--until-stdin-closes")
    with python(*serve_it, stdin=subprocess.PIPE) as (process, base_url):
        with connect_to(base_url):
            pass
        process.stdin.close()
        process.stdin = None
        process.wait(timeout=HANGS_S)


def test_it_ends_with_the_process_that_started_it():
    script = (
        "import os; from labtools.mock.server import ServerProcess; "
        "from labtools.model.named_profiles import NAMED; "
        "server = ServerProcess(NAMED); "
        "print('Serving on', server.base_url, flush=True); os._exit(1)"
    )
    with python("-c", script) as (process, base_url):
        process.wait(timeout=HANGS_S)
        deadline = time.monotonic() + HANGS_S
        while time.monotonic() < deadline:
            try:
                connect_to(base_url).close()
            except OSError:
                break
            time.sleep(0.05)
        else:
            pytest.fail("the server outlived the process that started it")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_on_a_signal_while_a_stream_is_open(ending):
    with python("-m", "labtools", "serve", "--port", "0") as (process, base_url):
        with connect_to(base_url) as connection:
            body = request(model="slow", stream=True, mock={"output_tokens": 50_000})  # minutes
            connection.sendall(post(body))
            read_until(connection, b"200 OK")
            process.send_signal(ending)
            process.wait(timeout=HANGS_S)
        assert b"Traceback" not in process.stderr.read()


def test_stopping_waits_for_no_stream_and_a_second_time_does_nothing():
    running = ServerProcess({"quick": QUICK})
    with connect_to(running.base_url) as connection:
        connection.sendall(post(request(stream=True, mock={"output_tokens": 131_072})))  # 131 s
        read_until(connection, b'"content": "')
        started_at = time.monotonic()
        running.stop()
        assert time.monotonic() - started_at < HANGS_S
    running.stop()
    with pytest.raises(OSError, match=r"refused|reset"):
        connect_to(running.base_url)


def test_a_port_in_use_says_so_and_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "labtools", "serve", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=HANGS_S,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(f"labtools: Cannot listen on 127.0.0.1:{port}")
        assert "Choose another port, or 0" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0), ("", -1)])
def test_an_address_that_cannot_be_is_refused(host, port):
    with pytest.raises(ConfigurationError, match="Cannot listen on"):
        serve(lambda scope, receive, send: None, host, port)


def test_the_api_key_is_asked_for():
    with python("-m", "labtools", "serve", "--port", "0", "--api-key", "right") as (_, base_url):
        for key, error in (("wrong", openai.AuthenticationError), ("right", None)):
            with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
                expected = pytest.raises(error) if error else contextlib.nullcontext()
                with expected:
                    client.models.list()


def test_a_profiles_file_is_served(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[mine]\ndecode_tokens_per_s = 500\n")
    serve_it = ("-m", "labtools", "serve", "--port", "0", "--profiles", os.fspath(path))
    with (
        python(*serve_it) as (_, base_url),
        openai.OpenAI(base_url=base_url, api_key="any", max_retries=0) as client,
    ):
        assert [model.id for model in client.models.list()] == ["mine"]
