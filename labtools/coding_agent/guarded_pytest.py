"""Runs in a process of its own: pytest on a repository, with less than a process can do.

    python -P guarded_pytest.py SOURCE HOME RESULT_FD MEMORY_BYTES FILE_BYTES PYTEST_ARGUMENT...

What a model wrote is about to be executed, by tests that stand in HOME; in a jail they are copied
there from SOURCE, else SOURCE is HOME. How they ended goes to RESULT_FD, with the word that is read
from it first: what the tests print says nothing.

Before anything of the repository is imported: a limit on memory and on the size of any file (on
POSIX). Without a jail also an audit hook that refuses files outside the folder and Python's own,
other processes, the network and foreign functions. The hook stops accidents and the obvious. It is
not a jail: code that sets out to break the interpreter can.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# Audit events, by their beginning: https://docs.python.org/3/library/audit_events.html
_FORBIDDEN = ("ctypes.call_function", "ctypes.dlsym", "os.exec", "os.fork", "os.kill",
              "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.",
              "signal.pthread_kill", "socket.bind", "socket.connect", "socket.get", "socket.send",
              "subprocess.")  # fmt: skip
_LOOKS = ("os.listdir", "os.scandir", "os.getxattr", "os.listxattr")
_CHANGES = ("os.chmod", "os.chown", "os.chflags", "os.link", "os.mkdir", "os.remove", "os.rename",
            "os.rmdir", "os.setxattr", "os.removexattr", "os.symlink", "os.truncate", "os.utime",
            "shutil.", "sqlite3.connect")  # fmt: skip
# These tell the hook nothing.
_UNSEEN = ("mkfifo", "mknod", "pidfd_open")


class Result:
    """What pytest counted, kept by a plugin of its own."""

    def __init__(self) -> None:
        self.passed = self.others = 0

    def pytest_runtest_logreport(self, report: object) -> None:
        """Count a test once, by the part of it that decides."""
        outcome, when = getattr(report, "outcome", ""), getattr(report, "when", "")
        if when == "call" and outcome == "passed":
            self.passed += 1
        elif outcome == "failed":
            self.others += 1


def main(source: str, home: str, result: int, limits: list[int], arguments: list[str]) -> int:
    """Set the limits, then hand over to pytest. Returns its exit code."""
    word = _word(result)
    if source != home:
        shutil.copytree(source, home, symlinks=True, dirs_exist_ok=True)
    os.chdir(home)
    _limit(*limits)
    sys.dont_write_bytecode = True
    folder = str(Path.cwd().resolve())
    sys.path.insert(0, folder)
    import pytest

    if source == home:
        _guard(folder)
    counts = Result()
    code = int(pytest.main(arguments, plugins=[counts]))
    said = {"word": word, "code": code, "passed": counts.passed, "failed": counts.others}
    os.write(result, json.dumps(said).encode() + b"\n")
    return code


def _word(result: int) -> str:
    """What the answer must begin with; nothing of the repository has run yet."""
    with socket.socket(fileno=os.dup(result)) as channel:
        return channel.recv(64).decode()


def _limit(memory_bytes: int, file_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits.
        return
    wanted = {"RLIMIT_AS": memory_bytes, "RLIMIT_FSIZE": file_bytes, "RLIMIT_CORE": 0}
    for name, most in wanted.items():
        # Some systems know a limit and refuse to set it. The other limits hold all the same.
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (most, most))


def _guard(folder: str) -> None:
    prefixes = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path)}
    readable = tuple(map(os.path.realpath, prefixes))
    above = {str(parent) for parent in Path(folder).parents}
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def within(path: object, roots: tuple[str, ...]) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return True  # An open file's number: it passed when it was opened.
        real = os.path.realpath(os.fsdecode(path))
        return any(real == root or real.startswith(root + os.sep) for root in roots)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & writing
            roots = (folder, os.devnull) if writes else (folder, os.devnull, *readable)
            allowed = within(path, roots)
        elif event.startswith((*_CHANGES, *_LOOKS)):
            paths = [value for value in arguments if isinstance(value, (str, bytes, os.PathLike))]
            looks = event.startswith(_LOOKS)
            roots = (folder, *readable) if looks else (folder,)
            # pytest looks for its root from the top.
            allowed = all(within(path, roots) or (looks and path in above) for path in paths)
        elif event == "ctypes.dlopen":  # numpy opens its own
            allowed = arguments[0] is None or within(arguments[0], readable)
        else:
            allowed = not event.startswith(_FORBIDDEN)
        if not allowed:
            raise PermissionError(f"not allowed in the test run: {event} {arguments!r:.120}")

    for name in _UNSEEN:
        if hasattr(os, name):
            delattr(os, name)
    sys.addaudithook(hook)


def run_here(
    root: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[bool, str]:
    """In this process: whether the tests in a folder passed, and what pytest printed.

    For a browser's page, which has no other and is all the jail. None of a run's limits holds; the
    page's own Stop ends what does not end by itself.
    """
    import pytest

    counts, output = Result(), io.StringIO()
    own = _as_in_a_process_of_its_own(root, environment)
    with own, contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(list(arguments), plugins=[counts])
    return code == 0 and counts.passed > 0 and counts.others == 0, output.getvalue()


@contextlib.contextmanager
def _as_in_a_process_of_its_own(root: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """In the folder, its modules first and new to Python; afterwards all is as it was before."""
    names = {path.stem for path in root.rglob("*")}

    def taken_out() -> dict[str, object]:
        return {name: sys.modules.pop(name) for name in list(sys.modules)
                if name.partition(".")[0] in names}  # fmt: skip

    path, environ = list(sys.path), dict(os.environ)
    bytecode, temporary = sys.dont_write_bytecode, tempfile.tempdir
    shadowed = taken_out()
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode, tempfile.tempdir = True, str(root)
    os.environ.clear()
    os.environ.update(environment, COLUMNS="80")
    try:
        with contextlib.chdir(root):
            yield
    finally:
        os.environ.clear()
        os.environ.update(environ)
        sys.dont_write_bytecode, tempfile.tempdir = bytecode, temporary
        sys.path[:] = path
        taken_out()
        sys.modules.update(shadowed)  # type: ignore[arg-type]


if __name__ == "__main__":
    _source, _home, *_numbers = sys.argv[1:6]
    _result, *_limits = map(int, _numbers)
    sys.exit(main(_source, _home, _result, _limits, sys.argv[6:]))
