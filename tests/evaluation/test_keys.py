"""One endpoint's key is never sent to another, whatever --key-from names."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labtools.cli import main
from labtools.errors import KeyRefused
from labtools.evaluation.candidates import Candidate
from labtools.lab.budget import Budget

COMMANDS = (("evaluate", "--size", "quick"), ("evaluate", "load"))


@pytest.fixture
def endpoint():
    """An endpoint that refuses every key, and the keys that it was sent."""
    keys: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            keys.append(self.headers["Authorization"])
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", keys
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr("labtools.evaluation.load_test.command.require_locust", lambda: None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-endpoint")
    monkeypatch.delenv("ACME_KEY", raising=False)


def refused(command, url, out, *options):
    arguments = ("--base-url", url, "--model", "m", "--name", "a", "--out", str(out), *options)
    with pytest.raises(SystemExit) as stopped:
        main([*command, *arguments])
    return str(stopped.value)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("key", "said"), [(None, "no variable"), ("", "empty"), (" ", "empty")])
def test_a_named_variable_without_a_key_is_refused_before_anything_is_sent(
    command, key, said, endpoint, tmp_path, monkeypatch
):
    url, keys = endpoint
    if key is not None:
        monkeypatch.setenv("ACME_KEY", key)
    message = refused(command, url, tmp_path, "--key-from", "ACME_KEY")
    assert said in message
    assert "ACME_KEY, which --key-from names" in message
    assert keys == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_refused_key_is_looked_for_where_it_came_from(command, endpoint, tmp_path, monkeypatch):
    url, keys = endpoint
    monkeypatch.setenv("ACME_KEY", "sk-a-wrong-key")
    message = refused(command, url, tmp_path, "--key-from", "ACME_KEY")
    assert f"{url} refused the key in ACME_KEY" in message
    assert "OPENAI_API_KEY" not in message
    assert "OPENAI_API_KEY" in refused(command, url, tmp_path)
    assert keys == ["Bearer sk-a-wrong-key", "Bearer sk-of-another-endpoint"]


def test_who_refused_is_what_the_error_holds_not_what_its_text_seems_to_say(monkeypatch):
    address = "http://there.example/one refused the key/v1"

    def refusing(*_, **__):
        raise KeyRefused(address, "the key.")

    monkeypatch.setenv("ACME_KEY", "sk-a-wrong-key")
    monkeypatch.setattr("labtools.evaluation.candidates.connect", refusing)
    with pytest.raises(KeyRefused) as refused:
        Candidate("a", address, "m", "ACME_KEY").connect(Budget())
    assert str(refused.value).startswith(f"{address} refused the key in ACME_KEY, which")
