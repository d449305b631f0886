"""Streams over gevent's sockets: what each way of failing becomes. In a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("psutil", reason="Locust, which brings it and gevent, is not installed")
pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
from gevent import monkey
monkey.patch_all()
import gevent, socket
from labtools.evaluation.load_test.locustfile import Connections
from labtools.lab.stopwatch import record_of

answers = json.loads(sys.stdin.read())
server = socket.create_server(("127.0.0.1", 0))

def serve():
    for pieces in answers:
        connection, _ = server.accept()
        connection.recv(9999)
        for piece in pieces:
            if piece == "wait":
                connection.recv(9999)  # until the client has had enough
            else:
                connection.sendall(piece.encode())
        connection.close()

gevent.spawn(serve)
url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
for pieces in answers:
    # No machine is so late that what is sent seems not to be; only where nothing is, it ends soon.
    timeout_s = 1.0 if "wait" in pieces else 60.0
    connections = Connections(url, "sk-a-key-of-mine", timeout_s)
    arrivals, error = connections.post(b"{}")
    record = record_of("m", arrivals, arrivals.ended_at, error, "sk-a-key-of-mine")
    print(json.dumps(record.as_dict()))
"""
HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TOKEN = 'data: {"choices": [{"index": 0, "delta": {"content": "hello"}}]}\n\n'
DONE = "data: [DONE]\n\n"


def chunk(text):
    return f"{len(text):x}\r\n{text}\r\n"


BUSY = '{"error": {"message": "sk-a-key-of-mine is over its limit"}}'
REFUSAL = f"HTTP/1.1 429 No\r\nRetry-After: 3\r\nContent-Length: {len(BUSY)}\r\n\r\n{BUSY}"
CASES = {
    "whole": ([HEAD + chunk(TOKEN) + chunk(DONE) + "0\r\n\r\n"], None, "hello"),
    "cut off": ([HEAD + chunk(TOKEN)], "cut_off", "hello"),
    "hung up when done": ([HEAD + chunk(TOKEN) + chunk(DONE)], None, "hello"),
    "silent in the middle": ([HEAD + chunk(TOKEN), "wait"], "timeout", "hello"),
    "silent from the start": (["wait"], "timeout", ""),
    "closed at once": ([""], "connection", ""),
    "no HTTP": (["hello\r\n\r\n"], "connection", ""),
    "a chunk of no length": ([HEAD + chunk(TOKEN) + "zz\r\n"], "cut_off", "hello"),
    "no stream": (["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhtml"], "protocol", ""),
    "refused": ([REFUSAL], "status", ""),
}


def test_every_failure_is_a_record_with_what_came_before_it():
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([pieces for pieces, _, _ in CASES.values()]),
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert found.returncode == 0, found.stderr
    records = dict(zip(CASES, map(json.loads, found.stdout.splitlines()), strict=True))
    for name, (_, kind, content) in CASES.items():
        error = records[name]["error"] or {"kind": None}
        assert (name, error["kind"], records[name]["content"]) == (name, kind, content)
        assert records[name]["sent_at"] <= records[name]["ended_at"]
    refused = records["refused"]["error"]
    assert (refused["status"], refused["retry_after_s"]) == (429, 3.0)
    assert refused["message"] == "[key] is over its limit"
