"""How far a run is, on standard error: a line rewritten in place, or now and then a whole one."""

from __future__ import annotations

import sys

# Where a line can be rewritten, and where each stays: in a log, say.
EVERY_S = {True: 0.5, False: 30.0}
_BEGINS_S = 2.0


class Progress:
    """One run's progress. A run of less than two seconds has none to show."""

    def __init__(self, now: float, shown: bool = True) -> None:
        notebook = type(sys.stderr).__module__.startswith("ipykernel")
        self._rewrites = notebook or sys.stderr.isatty()
        self._began_at = now
        self._next_at = now + (_BEGINS_S if self._rewrites else EVERY_S[False])
        self._shown = shown
        self._width = 0

    def say(self, text: str, now: float) -> None:
        """Say this and how many seconds have passed, if it is time to."""
        if not self._shown or now < self._next_at:
            return
        self._next_at = now + EVERY_S[self._rewrites]
        line = f"{text}, {now - self._began_at:.0f} s"
        if self._rewrites:
            print(f"\r{line:{self._width}}", end="", file=sys.stderr, flush=True)
            self._width = len(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line as it is; what comes next begins another."""
        if self._width:
            print(file=sys.stderr, flush=True)
        self._width = 0
