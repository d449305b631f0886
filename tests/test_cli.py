"""`python -m labtools ...`: one clear line for what goes wrong, and what a lab needs, checked."""

import importlib.metadata
import io
import os
import socket
import subprocess
import sys

import pytest

from labtools import cli
from labtools.cli import main
from labtools.server_process import announce


@pytest.fixture
def run(capsys):
    """Run a command; its exit code, what it printed, and what it complained of."""

    def run(*arguments):
        code = 0
        try:
            main(arguments)
        except SystemExit as exit:
            code = exit.code
        out, err = capsys.readouterr()
        # As the interpreter does it: a text is printed, and the code is 1.
        return (1, out, f"{code}\n") if isinstance(code, str) else (code or 0, out, err)

    return run


@pytest.fixture
def served(monkeypatch):
    """What would be served, instead of serving it."""
    calls = []
    monkeypatch.setattr(cli, "serve", lambda app, host, port: calls.append((app, host, port)))
    return calls


@pytest.mark.parametrize("arguments", [[], ["dance"], ["serve", "--port", "x"], ["serve", "--no"]])
def test_a_wrong_command_shows_how_it_is_used(run, arguments):
    code, _, err = run(*arguments)
    assert code == 2
    assert "usage: labtools" in err


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["check", "--help"]])
def test_help_is_no_failure(run, arguments):
    code, out, _ = run(*arguments)
    assert code == 0
    assert "usage: labtools" in out


def models(served):
    return list(served[0][0].state.endpoint.engines)


def test_serve_serves_the_named_profiles(run, served):
    assert run("serve", "--profile", "fast", "--profile", "mine=slow", "--port", "8005")[0] == 0
    assert models(served) == ["fast", "mine"]
    assert served[0][1:] == ("127.0.0.1", 8005)


def test_serve_serves_all_where_none_is_named(run, served):
    assert run("serve")[0] == 0
    assert {"fast", "slow"} <= set(models(served))
    assert served[0][2] == 8001


def test_serve_takes_profiles_from_a_file(run, served, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[mine]\ndecode_tokens_per_s = 5\n")
    assert run("serve", "--profiles", str(path), "--profile", "fast")[0] == 0
    assert models(served) == ["mine", "fast"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "warp"], "Unknown profile: 'warp'. Allowed: "),
        (["--profiles", "/nowhere.toml"], "Cannot read /nowhere.toml"),
        (["--profiles", __file__], f"Cannot read {__file__}: it is no JSON: "),
        (["--port", "70000"], "Cannot listen on 127.0.0.1:70000"),
        (["--host", "192.0.2.1", "--port", "0"], "Cannot listen on 192.0.2.1:0"),
    ],
)
def test_what_serve_cannot_do_is_one_line(run, arguments, said):
    code, out, err = run("serve", *arguments)
    assert code == 1
    assert err.startswith(f"labtools: {said}")
    assert err.count("\n") == 1
    assert out == ""


def test_a_port_in_use_is_one_line_too(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = run("serve", "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "Choose another port, or 0 for any free one." in err


@pytest.mark.parametrize("host", ["::1", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_what_to_change(run, host):
    _, _, err = run("serve", "--host", host, "--port", "0")
    assert "Choose another host: 127.0.0.1 for this machine alone, 0.0.0.0 for others too." in err
    assert "another port" not in err


def test_every_address_is_announced_as_one_that_a_client_can_use(capsys):
    announce("0.0.0.0", 8001)
    announce("127.0.0.1", 8002)
    assert capsys.readouterr().out.splitlines() == [
        "Serving on http://127.0.0.1:8001/v1 here, and on other machines at this one's address "
        "(stop with Ctrl-C)",
        "Serving on http://127.0.0.1:8002/v1 (stop with Ctrl-C)",
    ]


@pytest.mark.parametrize("arguments", [["profiles"], ["--help"]])
def test_a_reader_that_has_enough_ends_it_quietly(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "labtools", *arguments]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode in {0, 141}  # argparse takes no notice of it


def test_ctrl_c_is_no_failure_to_explain(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "serve", interrupted)
    assert run("serve") == (130, "", "")


# check


def by_name(out):
    """What was looked at, and whether it is all right."""
    lines = out.splitlines()[1:]
    assert all(line.startswith(("OK    ", "FAIL  ", "-     ")) for line in lines), out
    return {line[6:].split(":")[0].split(" ")[0]: line for line in lines}


def test_check_looks_at_all_that_a_lab_needs(run):
    code, out, _ = run("check")
    lines = by_name(out)
    assert out.startswith("Endpoint in force: sim")
    assert {"Python", "jupyterlab", "ipykernel", "a"} <= set(lines)
    assert "OK    a call on the simulated clock" in out.splitlines()
    assert (code == 0) == ("FAIL" not in out)


def test_a_missing_package_is_named_with_what_to_do(run, monkeypatch):
    installed = importlib.metadata.version

    def version(name):
        if name == "jupyterlab":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    code, out, _ = run("check")
    assert code == 1
    assert "FAIL  jupyterlab: not installed; run `make course`" in out


def test_an_old_package_is_named_with_what_is_needed(run, monkeypatch):
    installed = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0.1" if name == "openai" else installed(name)
    )
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["openai>=3.54,<4"])
    code, out, _ = run("check")
    assert code == 1
    assert "FAIL  openai 0.1: the labs need <4,>=3.54; run `make course`" in out


def test_check_says_whether_the_engine_can_run_and_does_not_need_it(run, monkeypatch):
    monkeypatch.setattr("labtools.cli.missing_packages", lambda: ["xllamacpp"])
    with_engine_missing, out, _ = run("check")
    assert "-     the engine, which no lab needs: without xllamacpp; run `make engine`" in out
    monkeypatch.setattr("labtools.cli.missing_packages", list)
    monkeypatch.setattr("labtools.cli.engine_version", lambda: "1.2")
    with_engine, out, _ = run("check")
    assert "OK    the engine: xllamacpp 1.2; " in out
    assert with_engine == with_engine_missing


def test_an_endpoint_that_does_not_answer_fails_and_the_rest_is_looked_at(run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    monkeypatch.setenv("LABTOOLS_ENDPOINT", url)
    monkeypatch.setenv("LABTOOLS_MODEL", "m")
    code, out, _ = run("check")
    assert code == 1
    assert out.startswith(f"Endpoint in force: {url} (from LABTOOLS_ENDPOINT)")
    assert f"FAIL  the endpoint {url}: Nobody answers at {url}" in out
    assert "OK    a call on the simulated clock" in out


def test_an_endpoint_that_is_none_says_what_is_allowed(run, monkeypatch):
    monkeypatch.setenv("LABTOOLS_ENDPOINT", "moon")
    code, out, _ = run("check")
    assert code == 1
    assert "Unknown endpoint: 'moon'. Allowed: " in out


def test_credentials_in_the_address_are_not_shown(run, monkeypatch):
    monkeypatch.setenv("LABTOOLS_ENDPOINT", "http://user:secret@127.0.0.1:1/v1?key=secret")
    monkeypatch.setenv("LABTOOLS_MODEL", "m")
    _, out, _ = run("check")
    assert "http://127.0.0.1:1/v1" in out
    assert "secret" not in out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_knows_few_characters_gets_all_that_is_said(
    tmp_path, monkeypatch, encoding
):
    profile = '["東京"]\ndecode_tokens_per_s = 50\nsource = "été"\n'
    (tmp_path / "p.toml").write_text(profile, encoding="utf-8")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    main(["profiles", "--profiles", str(tmp_path / "p.toml")])
    assert rb"\u6771\u4eac" in terminal.buffer.getvalue()
