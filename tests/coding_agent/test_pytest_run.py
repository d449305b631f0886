from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from labtools.clock import SimLoop
from labtools.coding_agent import pytest_run
from labtools.coding_agent.pytest_run import (
    PytestRun,
    RunLimits,
    Tested,
    TestReport,
    bubblewrap,
    run_tests,
    shortened,
)
from labtools.coding_agent.tools import Edit
from labtools.coding_agent.workspace import Workspace
from labtools.loop_thread import LoopThread

Repository = Callable[[Mapping[str, str]], Path]
posix = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")


def test_a_failing_test_is_reported_in_the_same_words_each_time(workspace: Workspace) -> None:
    report, again = run_tests(workspace), run_tests(workspace)
    assert not report.passed
    assert "test_last_page_may_be_short" in report.output
    assert "1 failed, 2 passed" in report.output
    assert str(workspace.root) not in report.output
    assert report == again


def test_what_differs_from_run_to_run_is_not_in_the_report(repository: Repository) -> None:
    test = """
import os, pathlib

def test_it(tmp_path):
    assert (object(), pathlib.Path.cwd(), str(tmp_path)[:0], os.environ["TMPDIR"]) is None
"""
    reports = []
    for _ in range(2):
        with Workspace(repository({"tests/test_it.py": test})) as workspace:
            reports.append(run_tests(workspace))
    assert "<object object at 0x...>" in reports[0].output
    assert reports[0] == reports[1]


def test_a_passing_test_is_reported(workspace: Workspace) -> None:
    Edit(path="listing/pages.py", old="items // page_size", new="-(-items // page_size)").use(
        workspace
    )
    report = run_tests(workspace)
    assert report.passed
    assert "3 passed" in report.output


needs_jail = pytest.mark.skipif(bubblewrap() is None, reason="bubblewrap makes no jail here")


@pytest.fixture(params=[pytest.param("jail", marks=needs_jail), "guard"])
def walls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What holds the run: both, where both can be had."""
    if request.param == "guard":
        monkeypatch.setattr(pytest_run, "bubblewrap", lambda: None)
    return str(request.param)


HOSTILE_TEST = """
import os, sys, pytest

OUTSIDE = {outside!r}
FOLDER = os.path.dirname(OUTSIDE)

def test_environment():
    allowed = {{"PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTHONHASHSEED", "TMPDIR", "TEMP", "SYSTEMROOT",
               "PYTEST_CURRENT_TEST", "PYTEST_VERSION", "LC_CTYPE", "__CF_USER_TEXT_ENCODING",
               "PWD"}}
    assert set(os.environ) <= allowed
    assert "sk-secret" not in str(dict(os.environ))
    assert os.read(0, 1) == b""

def connect_to_a_file():
    import sqlite3
    sqlite3.connect(OUTSIDE)

@pytest.mark.parametrize("reach", [
    lambda: open(OUTSIDE),
    lambda: os.open(OUTSIDE, os.O_RDONLY),
    lambda: open(OUTSIDE + ".new", "w"),
    lambda: open("../new", "w").close() or os.stat(OUTSIDE),
    lambda: open(os.path.join(sys.prefix, "new"), "w"),
    lambda: os.remove(OUTSIDE),
    lambda: os.mkdir(OUTSIDE + "d") or os.stat(OUTSIDE),
    lambda: os.rename(OUTSIDE, "x"),
    lambda: os.link(OUTSIDE, "x"),
    lambda: os.chmod(OUTSIDE, 0o777),
    lambda: os.listdir(FOLDER),
    lambda: list(os.scandir(FOLDER)),
    lambda: os.setxattr(OUTSIDE, "user.x", b"1"),
    connect_to_a_file,
])
def test_files_outside(reach):
    with pytest.raises(Exception) as refused:
        reach()
    assert isinstance(refused.value, OSError) or "unable to open" in str(refused.value)

def test_other_processes_and_the_network():
    import socket
    with pytest.raises(OSError):
        os.kill({pid}, 0)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", {port}))

def test_inside_is_allowed(tmp_path):
    (tmp_path / "file").write_text("text")
    open("new.txt", "w").write("text")
    assert open("new.txt").read() == "text"
    assert "new.txt" in os.listdir(".")

def test_what_is_harmless_works():
    import asyncio
    asyncio.run(asyncio.sleep(0))
    import numpy
    assert numpy.arange(3).sum() == 3
"""


def test_the_tests_run_with_little(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, walls: str
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        test = HOSTILE_TEST.format(outside=str(outside), pid=os.getpid(), port=port)
        folder = repository({"tests/test_a.py": test})
        with Workspace(folder) as workspace:
            report = run_tests(workspace)
            assert report.passed, report.output
            assert workspace.paths() == ["tests/test_a.py"]
    assert outside.read_text() == "secret"
    assert sorted(tmp_path.iterdir()) == sorted([folder, outside])


@pytest.mark.parametrize(
    "body",
    [
        "    print('3 passed'); import os; os._exit(0)",
        "    print('\\n3 passed in 0.01s', flush=True); import os; os._exit(0)",
        "    import os; os.write(1, b'3 passed'); os._exit(0)",
        "    import os\n    for number in range(3, 20):\n        try: os.write(number, "
        'b\'{"word": "", "code": 0, "passed": 3, "failed": 0}\')\n'
        "        except OSError: pass\n    os._exit(0)",
        "    import pytest; pytest.exit('3 passed', returncode=0)",
    ],
)
def test_what_is_printed_is_no_result(repository: Repository, walls: str, body: str) -> None:
    with Workspace(repository({"tests/test_a.py": f"def test():\n{body}\n"})) as workspace:
        assert not run_tests(workspace).passed


@needs_jail
def test_a_jail_has_room_for_so_much_and_no_more(repository: Repository) -> None:
    test = """
def test():
    for number in range(100):
        open(f"{number}", "wb").write(bytes(2**19))
"""
    with Workspace(repository({"tests/test_a.py": test})) as workspace:
        report = run_tests(workspace)
    assert not report.passed
    assert "No space left" in report.output


@needs_jail
def test_in_a_jail_there_is_nobody_else(repository: Repository) -> None:
    test = """
import os
def test():
    assert not any(int(name) > 20 for name in os.listdir("/proc") if name.isdigit())
    assert not os.path.exists("/etc/passwd") and not os.path.exists("/root/.bashrc")
"""
    with Workspace(repository({"tests/test_a.py": test})) as workspace:
        report = run_tests(workspace)
    assert report.passed, report.output


@posix
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    x = bytearray(2**31)\n", "MemoryError"),
        ("    open('big', 'wb').write(bytes(2**21))\n", "File too large"),
        ("    import os; os._exit(0)\n", "no output"),
        ("    import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n", "no output|not allowed"),
    ],
)
def test_what_goes_too_far_does_not_pass(repository: Repository, body: str, said: str) -> None:
    with Workspace(repository({"tests/test_a.py": f"def test():\n{body}"})) as workspace:
        report = run_tests(workspace)
    assert not report.passed
    assert re.search(said, report.output)


def test_no_tests_do_not_pass(repository: Repository) -> None:
    with Workspace(repository({"tests/test_a.py": ""})) as workspace:
        assert not run_tests(workspace).passed


def test_much_output_is_shortened(repository: Repository) -> None:
    source = "def test():\n    print('x' * 50_000)\n    assert False\n"
    with Workspace(repository({"tests/test_a.py": source})) as workspace:
        report = run_tests(workspace, RunLimits(output_chars=500))
    assert not report.passed
    assert len(report.output) < 600
    assert "1 failed" in report.output


def test_shortened_keeps_both_ends() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("a" * 10 + "b" * 10, 8) == "aaaa\n[12 characters left out]\nbbbb"


def test_a_run_that_was_stopped_ends_at_once(repository: Repository) -> None:
    with Workspace(
        repository({"tests/test_a.py": "def test():\n    while True: pass\n"})
    ) as endless:
        run = PytestRun(endless, RunLimits(time_s=60))
        run.stop()
        assert not run.run().passed


@pytest.mark.slow
def test_an_endless_loop_is_stopped(repository: Repository) -> None:
    with Workspace(
        repository({"tests/test_a.py": "def test():\n    while True: pass\n"})
    ) as endless:
        report = run_tests(endless, RunLimits(time_s=1.5))
    assert not report.passed
    assert report.output.endswith("after its limit of 1.5 s.")


def test_the_repository_comes_before_what_is_installed(repository: Repository) -> None:
    files = {
        "pandas/__init__.py": "WHO = 'ours'\n",
        "tests/test_a.py": "import pandas\n\ndef test():\n    assert pandas.WHO == 'ours'\n",
    }
    with Workspace(repository(files)) as workspace:
        report = run_tests(workspace)
    assert report.passed, report.output


def test_the_same_files_are_tested_once_and_others_again(workspace: Workspace) -> None:
    tested: Tested = {}
    failing = run_tests(workspace, tested=tested)
    assert run_tests(workspace, tested=tested) is failing
    Edit(path="listing/pages.py", old="items // page_size", new="-(-items // page_size)").use(
        workspace
    )
    assert run_tests(workspace, tested=tested).passed
    assert [report.passed for report in tested.values()] == [False, True]


def test_a_run_that_was_stopped_is_not_remembered(workspace: Workspace) -> None:
    tested: Tested = {}
    run = PytestRun(workspace, tested=tested)
    run.stop()
    assert not run.run().passed
    assert tested == {}


@pytest.mark.usefixtures("page")
class TestInAPage:
    """The tests run in this process, which is afterwards as it was."""

    def test_this_process_is_left_as_it_was(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        test = """
import asyncio, json, os, sys, tempfile

def test_it(tmp_path):
    assert json.WHO == "ours" and "OPENAI_API_KEY" not in os.environ
    assert tempfile.gettempdir() == os.getcwd() == os.environ["TMPDIR"]
    asyncio.run(asyncio.sleep(0))
    os.environ["NEW"] = "1"
    sys.path.append("/new")
    print("not seen")
"""
        files = {"json/__init__.py": "WHO = 'ours'", "tests/test_platform.py": test}

        def state() -> list[object]:
            own = ("json", "tests", "test_platform")
            modules = {k: v for k, v in sys.modules.items() if k.partition(".")[0] in own}
            return [modules, list(sys.path), dict(os.environ), Path.cwd(), tempfile.gettempdir(),
                    sys.dont_write_bytecode, sys.stdout, list(sys.meta_path)]  # fmt: skip

        before = state()
        with Workspace(repository(files)) as workspace:
            for _ in range(2):
                report = asyncio.run(in_a_loop(workspace))
                assert (report.passed, report.output.splitlines()[-1]) == (True, "1 passed")
            assert workspace.paths() == sorted(files)
        assert state() == before

    @pytest.mark.parametrize(
        "body",
        [
            "import pytest; pytest.exit('3 passed', returncode=0)",
            "print('3 passed'); raise SystemExit(0)",
            "raise KeyboardInterrupt",
            "x = 1 / 0",
        ],
    )
    def test_what_does_not_pass_does_not_pass(self, repository: Repository, body: str) -> None:
        test = f"def test():\n    {body}\n"
        with Workspace(repository({"tests/test_a.py": test})) as workspace:
            assert not run_tests(workspace).passed

    def test_it_is_called_no_jail(self) -> None:
        assert pytest_run.isolation() == "the page alone, no jail"


async def in_a_loop(workspace: Workspace) -> TestReport:
    """As in a lab's step: in a coroutine, on the simulated clock."""
    thread = LoopThread(SimLoop())

    async def step() -> TestReport:
        return await asyncio.to_thread(run_tests, workspace)

    try:
        return thread.run(step())
    finally:
        thread.loop.close()
