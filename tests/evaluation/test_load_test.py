"""The load probe without Locust: the plan, the budget's parts, the files, who imports whom."""

import ast
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labtools.evaluation.load_test
from labtools.cli import main
from labtools.errors import ConfigurationError, NothingMeasured
from labtools.evaluation.candidates import Candidate
from labtools.evaluation.load_test import (
    Allowance,
    LoadPlan,
    commands_for_machines,
    share,
)
from labtools.evaluation.load_test.command import read_load, run_load
from labtools.evaluation.observations import Observation, Watched
from labtools.evaluation.settings import Settings
from labtools.files import append_line
from labtools.mock.server import ServerProcess
from labtools.model.named_profiles import named_profile
from labtools.read_back import read_back
from labtools.records import CallError, CallRecord

URL = "https://api.example.com/v1"
COMMAND = "labtools.evaluation.load_test.command"


@given(total=st.integers(0, 10_000), parts=st.integers(1, 50))
def test_the_shares_of_a_budget_are_the_budget(total, parts):
    shares = [share(total, part, parts) for part in range(parts)]
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


@given(total=st.integers(0, 10_000), parts=st.integers(1, 50), more=st.integers(0, 50))
def test_a_worker_too_many_gets_nothing(total, parts, more):
    assert share(total, parts + more, parts) == 0


@given(st.lists(st.tuples(st.integers(1, 300), st.none() | st.integers(0, 300)), max_size=50))
def test_an_allowance_never_sends_what_it_does_not_hold(calls):
    allowance, sent, spent = Allowance(20, 2_000), 0, 0
    for worst, found in calls:
        actual = None if found is None else min(found, worst)
        if allowance.take(worst):
            sent += 1
            spent += worst
            assert (sent <= 20, spent <= 2_000) == (True, True)
            allowance.settle(worst, CallRecord("m", 0.0, 1.0, input_tokens=actual, output_tokens=0))
            spent -= 0 if actual is None else worst - actual
        else:
            assert sent == 20 or spent + worst > 2_000


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"users": 0}, "users is 0"),
        ({"run_time_s": 0}, "run_time_s is 0"),
        ({"workers": -1}, "workers is -1"),
        ({"users": 2, "workers": 3}, "3 workers for 2 users"),
        ({"max_requests": -1}, "max_requests is -1"),
        ({"request_rate_per_s": 0.0}, "above 0"),
        ({"request_rate_per_s": float("inf")}, "above 0"),
        ({"request_rate_per_s": float("nan")}, "above 0"),
        ({"output_tokens": 0}, "output_tokens is 0"),
        ({"base_url": "sim"}, "needs an address"),
        ({"base_url": "ftp://a/v1"}, "needs an address"),
        ({"base_url": "https://me:secret@a/v1"}, "no user, password or query"),
        ({"base_url": "https://a/v1?key=secret"}, "no user, password or query"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(change, named):
    with pytest.raises(ConfigurationError, match=named) as refused:
        LoadPlan(**{"base_url": URL, "model": "m", **change})
    assert "secret" not in str(refused.value)


def test_the_rate_is_shared_by_the_users_exactly():
    plan = LoadPlan(URL, "m", users=3, request_rate_per_s=10)
    assert plan.arrivals_per_user_per_s * 3 == 10


def test_a_process_gets_the_plan_as_it_is():
    plan = LoadPlan(URL, "m", users=3, request_rate_per_s=10, limit="max_completion_tokens")
    (option,) = (one for one in plan.options(Path("out")) if one.startswith("--plan="))
    assert read_back(LoadPlan, option.partition("=")[2], "the plan") == plan


def test_the_commands_options_are_the_plans_fields(monkeypatch):
    asked = {}
    monkeypatch.setattr(f"{COMMAND}.run_load", lambda *_, **numbers: asked.update(numbers))
    run = ["evaluate", "load", f"--base-url={URL}", "--model=m", "--name=acme"]
    main([*run, "--users=3", "--request-rate=2.5", "--run-time=7", "--slo-s=0.5", "--seed=4"])
    changed = {"users": 3, "request_rate_per_s": 2.5, "run_time_s": 7, "slo_s": 0.5, "seed": 4}
    assert {name: asked[name] for name in changed} == changed
    assert LoadPlan(URL, "m", **asked) == LoadPlan(URL, "m", **changed)


def test_the_commands_for_machines_are_locusts_own(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret-key")
    said = commands_for_machines(LoadPlan(URL, "m", users=64), Path("results/acme"))
    assert " --master " in said
    assert "--users=64" in said
    assert "--worker --master-host=" in said
    assert "sk-a-secret" not in said


def test_without_locust_the_command_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "locust", None)
    with pytest.raises(ConfigurationError, match=r"not installed: pip install .*\[load\]"):
        run_load(Candidate("acme", URL, "m"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("over", ["mock", "an address"])
def test_a_mock_that_has_ended_is_offered_to_no_other_machine(over, tmp_path, monkeypatch, capsys):
    def played(plan, folder, run, api_key, on_second):
        write_process(folder / f"load-{run}-a.jsonl", 0.0, [0.0])
        return []

    monkeypatch.setattr(f"{COMMAND}.require_locust", lambda: None)
    monkeypatch.setattr(f"{COMMAND}.run_locust", played)
    server = ServerProcess({"fast": named_profile("fast")})
    try:
        url = "mock" if over == "mock" else server.base_url
        run_load(Candidate("acme", url, "fast"), tmp_path, progress=False)
    finally:
        server.stop()
    said = capsys.readouterr().out
    assert "1 calls in" in said
    assert ("The same from several machines" in said) == (over != "mock")


# What the processes wrote.


def write_process(path, epoch_s, sent_at, block="load/0", errors=(), rate=0.0):
    """A file as a process of Locust writes it; each call takes half a second."""
    head = {
        "endpoint": URL,
        "model": "m",
        "machine": "here",
        "epoch_s": epoch_s,
        "arrivals_per_user_per_s": rate,
        "settings": asdict(Settings()),
        "locust_version": "2",
        "labtools_version": "0.1.0",
    }
    append_line(path, {"kind": "process", **head})
    for place, at in enumerate(sent_at):
        error = CallError("status", "busy", 429) if place in errors else None
        record = CallRecord("m", at, at + 0.5, (at + 0.1,), at + 0.1, 1000, 64, 0, error=error)
        one = Observation("open_loop" if rate else "concurrency", block, "call", 0, place, record)
        append_line(path, {"kind": "call", **one.as_dict()})
    append_line(path, {"kind": "overhead", **asdict(Watched(block, (0.001,), 0.2, 3))})


def test_machines_whose_clocks_began_apart_are_put_on_one(tmp_path):
    write_process(tmp_path / "load-7-a.jsonl", 1000.0, [5.0, 6.0])
    write_process(tmp_path / "load-7-b.jsonl", 900.0, [105.5, 107.5], "load/1", errors={1})
    write_process(tmp_path / "load-8-c.jsonl", 0.0, [0.0])
    found = read_load(tmp_path, "7")
    assert found.processes == 2
    assert [one.record.sent_at for one in found.measured.observations] == [5.0, 6.0, 5.5, 7.5]
    assert [one.record.ttft_s for one in found.measured.observations] == [0.1] * 4
    assert (found.load.calls, found.load.failed, found.load.clients) == (4, 1, 2)
    assert found.load.wall_s == 3.0
    assert "1 status 429" in str(found)


def test_an_open_loop_is_read_as_one(tmp_path):
    write_process(tmp_path / "load-7-a.jsonl", 0.0, [0.0, 0.1, 0.2], rate=2.5)
    found = read_load(tmp_path, "7", users=4)
    assert found.load.request_rate_per_s == 10.0
    assert "10 calls a second in an open loop" in str(found)


def test_a_torn_last_line_costs_that_call_and_no_other(tmp_path):
    path = tmp_path / "load-7-a.jsonl"
    write_process(path, 0.0, [0.0, 1.0])
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    before_the_last_call = len(b"".join(lines[:2]))
    for end in range(before_the_last_call, before_the_last_call + len(lines[2]) - 1, 37):
        path.write_bytes(whole[:end])
        assert read_load(tmp_path, "7").load.calls == 1


def test_no_records_are_an_error_that_names_the_log(tmp_path):
    with pytest.raises(NothingMeasured, match=r"load-7\.log"):
        read_load(tmp_path, "7")


def test_a_line_in_the_middle_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "load-7-a.jsonl"
    write_process(path, 0.0, [0.0])
    path.write_text("{torn\n" + path.read_text())
    with pytest.raises(ConfigurationError, match="line 1"):
        read_load(tmp_path, "7")


@pytest.mark.parametrize("line", ["[]", "5", "{}", '{"kind":"call"}', '{"kind":"other"}'])
def test_a_line_that_is_json_and_no_line_of_a_load_test_is_named(tmp_path, line):
    path = tmp_path / "load-7-a.jsonl"
    write_process(path, 0.0, [0.0])
    with path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ConfigurationError, match="line 4: "):
        read_load(tmp_path, "7")


# Locust patches the process that imports it.

PATCHING = {"locust", "gevent", "geventhttpclient"}
IN_LOCUSTS_PROCESS = {"locustfile.py"}


def test_only_what_runs_in_locusts_process_imports_it():
    package = Path(labtools.__file__).parent
    imported_by = {}
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{one.name}" for one in node.names]
            elif isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            else:
                continue
            for name in names:
                leaf = "locustfile" in name.split(".")
                if name.split(".")[0] in PATCHING or ("load_test" in name and leaf):
                    imported_by.setdefault(path.name, set()).add(name)
    assert set(imported_by) == IN_LOCUSTS_PROCESS


def test_the_command_has_not_patched_this_process():
    assert not PATCHING & set(sys.modules)
