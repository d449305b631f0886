"""Runs in a process of its own: pytest in the current folder, with less than a process can do.

    python -P guarded_pytest.py MEMORY_BYTES FILE_BYTES PYTEST_ARGUMENT...

What a model wrote is about to be executed. So before anything of it is imported: a limit on
memory and on the size of any file (on POSIX), and an audit hook that refuses files outside the
folder and Python's own, other processes, the network and foreign functions.

It stops accidents and the obvious. It is not a jail: code that sets out to break the
interpreter can. Give a model that you do not trust a container or a virtual machine.
"""

import contextlib
import os
import sys
from pathlib import Path

# Audit events, by their beginning: https://docs.python.org/3/library/audit_events.html
_FORBIDDEN = ("ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile",
              "os.system", "pty.", "socket.", "subprocess.")  # fmt: skip
_CHANGES = ("os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
            "os.symlink", "os.truncate", "os.utime", "shutil.")  # fmt: skip


def main(memory_bytes: int, file_bytes: int, arguments: list[str]) -> int:
    """Set the limits, then hand over to pytest. Returns its exit code."""
    _limit(memory_bytes, file_bytes)
    sys.dont_write_bytecode = True
    folder = str(Path.cwd().resolve())
    sys.path.insert(0, folder)
    import pytest

    _guard(folder)
    return int(pytest.main(arguments))


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
        elif event.startswith(_CHANGES):
            paths = [value for value in arguments if isinstance(value, (str, bytes, os.PathLike))]
            allowed = all(within(path, (folder,)) for path in paths)
        else:
            allowed = not event.startswith(_FORBIDDEN)
        if not allowed:
            raise PermissionError(f"not allowed in the test run: {event} {arguments!r:.120}")

    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
