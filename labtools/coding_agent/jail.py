"""The jail of a test run: where bubblewrap works, a process that sees nothing but what it needs.

In it: Python and the system's libraries, read only, a copy of the repository in memory with room
for so many bytes, no network, no other process, no file of the user's. Elsewhere the run has the
guard of `guarded_pytest.py` alone, which stops accidents and not somebody who sets out to escape.
`docs/security.md` says what each promises.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from labtools import platform

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
    readable = dict.fromkeys([*_SYSTEM, sys.base_prefix, sys.prefix, *_of_the_interpreter()])
    options = ["--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    for path in readable:
        options += ["--ro-bind-try", path, path]
    options += ["--proc", "/proc", "--dev", "/dev", "--size", str(disk_bytes), "--tmpfs", home]
    return [*options, "--setenv", "TMPDIR", home, "--setenv", "TEMP", home, "--chdir", home]


def _of_the_interpreter() -> list[str]:
    """The folder of the program itself, where links lead out of the environment."""
    return [str(Path(sys.executable).resolve().parent.parent)]
