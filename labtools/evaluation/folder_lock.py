"""One run writes a folder at a time.

The system holds the lock, on the file that is written, and lets go of it when the process ends,
however that was: a run that was killed leaves nothing to clear away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labtools.errors import ConfigurationError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # Nobody else could write what is locked, so it is a byte that no file reaches.
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file, made if there is none, for the time of the block.

    Raises ConfigurationError when another run holds it, OSError when it cannot be opened.
    """
    with path.open("ab") as file:
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError):
            raise ConfigurationError(
                f"{path.parent} is being written by another run. Wait until that has ended, or "
                "choose another --name or --out."
            ) from None
        except OSError:
            pass  # Some network drives know no locks; without one, measuring is still possible.
        yield
