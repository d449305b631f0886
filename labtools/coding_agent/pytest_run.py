"""One run of a workspace's tests: pytest in a subprocess that has little and may take little.

Where bubblewrap works, it is in a jail, which holds Python and the system's libraries, read only,
and a copy of the repository in memory with room for so many bytes: no network, no other process, no
file of the user's. Elsewhere it has the guard of `guarded_pytest.py` alone, which stops accidents
and not somebody who sets out to escape. `docs/security.md` says what each promises. Where there are
no processes, pytest runs in this one.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labtools import platform
from labtools.coding_agent.guarded_pytest import run_here
from labtools.coding_agent.workspace import Workspace

# Within the jail: where the copy is, and what it is copied from.
HOME = "/repository"
SOURCE = "/source"
_RUNNER = Path(__file__).with_name("guarded_pytest.py")
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/lib32",
    "/bin",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/alternatives",
)


@cache
def bubblewrap() -> str | None:
    """The program that makes the jail; None where there is none, or it may not make one."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    command = [program, *walls(HOME, 2**20), sys.executable, "-S", "-c", ""]
    tried = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    return program if tried.returncode == 0 else None


def isolation() -> str:
    """What holds a test run, in words."""
    if platform.in_page():
        return "the page alone, no jail"
    return "bubblewrap" if bubblewrap() else "the guard alone, no jail"


def jailed(root: Path, disk_bytes: int, arguments: Sequence[str]) -> list[str]:
    """The command that runs the tests in `root`: `arguments` are those of the runner."""
    python = [sys.executable, "-P", "-s", str(_RUNNER)]
    program = bubblewrap()
    if program is None:
        return [*python, str(root), str(root), *arguments]
    read = ["--ro-bind", str(_RUNNER), str(_RUNNER), "--ro-bind", str(root), SOURCE]
    return [program, *walls(HOME, disk_bytes), *read, *python, SOURCE, HOME, *arguments]


def walls(home: str, disk_bytes: int) -> list[str]:
    """Bubblewrap's options for Python, the system's libraries and an empty folder with room."""
    program = Path(sys.executable).resolve()  # links may lead out of the environment
    folders = [*_SYSTEM, sys.base_prefix, sys.prefix, str(program.parent.parent)]
    readable = dict.fromkeys(folders)
    options = ["--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    for path in readable:
        options += ["--ro-bind-try", path, path]
    options += ["--proc", "/proc", "--dev", "/dev", "--size", str(disk_bytes), "--tmpfs", home]
    return [*options, "--setenv", "TMPDIR", home, "--setenv", "TEMP", home, "--chdir", home]


_ARGUMENTS = ("-q", "--tb=short", "--no-header", "--color=no", "--rootdir=.", "-c", os.devnull,
              "-p", "no:cacheprovider", "-p", "no:unraisableexception", "tests")  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one test run may take. Memory and file size hold on POSIX."""

    time_s: float = 30.0
    """On the wall, whatever clock the lab has: an endless loop does not know of simulated time."""
    memory_bytes: int = 2**30
    file_bytes: int = 2**20
    """The largest file it may write; its output is one."""
    disk_bytes: int = 2**24
    """All that it may write together, in a jail."""
    output_chars: int = 2_000
    """How much of the output is handed on: the beginning and the end."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """What pytest said. `passed` needs the runner's own word for it, not what was printed."""

    __test__ = False  # pytest would take the name for a test.

    passed: bool
    output: str


Tested = dict[tuple[tuple[str, str], ...], TestReport]
"""What pytest said, by the paths and texts of the files that it was run on."""


@dataclass(slots=True)
class PytestRun:
    """A test run on a copy of the workspace. Whatever the tests write goes with the copy.

    `tested` holds earlier results: files that are in it are not tested again, others are added.
    """

    workspace: Workspace
    limits: RunLimits = RunLimits()
    tested: Tested | None = None
    _process: subprocess.Popen[bytes] | None = None
    _stopped: bool = False

    def run(self) -> TestReport:
        """Run to the end, for at most the time limit. Blocks: call it in a thread."""
        files = tuple(self.workspace.texts().items())
        if self.tested is not None and files in self.tested:
            return self.tested[files]
        report = self._run()
        if self.tested is not None and not self._stopped:
            self.tested[files] = report
        return report

    def _run(self) -> TestReport:
        with self.workspace.copy() as workspace:
            root = workspace.root
            if platform.in_page():
                passed, text = run_here(root, _ARGUMENTS, _environment(root))
            else:
                passed, text = self._run_in_a_process(root)
        text = _repeatable(text, root).strip() or "no output"
        return TestReport(passed, shortened(text, self.limits.output_chars))

    def _run_in_a_process(self, root: Path) -> tuple[bool, str]:
        """Whether the tests passed, and what pytest printed."""
        limits, word = self.limits, secrets.token_hex(16)
        ours, theirs = socket.socketpair()
        with tempfile.TemporaryFile() as output, ours, theirs:
            ours.send(word.encode())
            numbers = map(str, (theirs.fileno(), limits.memory_bytes, limits.file_bytes))
            self._process = subprocess.Popen(
                jailed(root, limits.disk_bytes, [*numbers, *_ARGUMENTS]),
                cwd=root,
                env=_environment(root),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
            theirs.close()
            try:
                if self._stopped:
                    self._kill()
                self._process.wait(limits.time_s)
                ending = ""
            except subprocess.TimeoutExpired:
                ending = f"\nThe test run was stopped after its limit of {limits.time_s:g} s."
            finally:
                self._kill()
            output.seek(0)
            text = output.read(limits.file_bytes).decode("utf-8", "replace")
            return _passed(ours, word) and not ending, text + ending

    def stop(self) -> None:
        """End the run early, from another thread."""
        self._stopped = True
        self._kill()

    def _kill(self) -> None:
        """The process and whatever it started."""
        process = self._process
        if process is None:
            return
        try:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        except (ProcessLookupError, PermissionError):
            pass  # It has ended, and its group with it.
        process.wait()


def _passed(channel: socket.socket, word: str) -> bool:
    """Whether the runner itself, and nothing that the tests print, says that all passed."""
    channel.setblocking(False)
    try:
        said = json.loads(channel.recv(4096))
    except (OSError, ValueError):
        return False  # It never came so far: `os._exit(0)` in the code under test, say.
    passed = {"word": word, "code": 0, "failed": 0}
    return isinstance(said, dict) and bool(said.pop("passed", 0)) and said == passed


def run_tests(
    workspace: Workspace, limits: RunLimits = RunLimits(), tested: Tested | None = None
) -> TestReport:
    """Run the tests now and wait for them."""
    return PytestRun(workspace, limits, tested).run()


def _environment(root: Path) -> dict[str, str]:
    """Nothing of the caller's but what a process needs to start: no key, no path, no home."""
    needed = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    return {
        **needed,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONHASHSEED": "0",
        "TMPDIR": str(root),
        "TEMP": str(root),
    }


def _repeatable(text: str, root: Path) -> str:
    """The output without what differs from run to run: where, how fast, at which addresses."""
    for folder in (str(root), HOME):
        text = text.replace(folder + os.sep, "").replace(folder, ".")
    text = re.sub(r"\b0x[0-9a-f]{6,}\b", "0x...", text)
    return re.sub(r" in \d+\.\d+s\b( \(.*?\))?", "", text)


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
